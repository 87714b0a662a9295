//! The options about decoding, which all commands that decode frames share.

#[cfg(feature = "broadcast")]
use std::{fs, path::PathBuf};

use clap::Args;
use streamlens::Analyzer;
#[cfg(feature = "telemetry")]
use streamlens::decoders::iena::IenaDecoder;
#[cfg(feature = "broadcast")]
use streamlens::decoders::sap::SapDecoder;
use streamlens::engine::{DecodeAs, EngineOptions, TimeSource, Tunnels};
use streamlens::registry::DecoderRegistry;

use super::decode_as::Rule;
use super::exit::Failure;
#[cfg(feature = "broadcast")]
use super::exit::Status;
#[cfg(feature = "telemetry")]
use super::iena_variant::KeyVariant;
use super::outer;

/// The heading of these options.
const DECODING: &str = "Decoding";

#[derive(Debug, Args)]
pub(crate) struct DecodeArgs {
    /// Decode packets as an encoding, whatever the evidence says. May be repeated; the first that fits is followed
    ///
    /// WHICH is udp.port==PORT, tcp.port==PORT (either end of the packet; also a range, 5000-5010), ip.proto==NUMBER,
    /// or `flow` for every packet. ENCODING is a name that `streamlens decoders` lists; letter case and punctuation
    /// do not matter.
    #[arg(short, long, value_name = "WHICH,ENCODING", help_heading = DECODING, value_parser = Rule::parse)]
    decode_as: Vec<Rule>,

    /// Take these layers off frames, so that the inner frame makes the flows: all, none, or names, separated by commas
    ///
    /// erspan, tzsp (these two are taken off unless told `none`), esl (in front of frames; behind them it is a trailer, which `--time-source trailer` takes off), vxlan, geneve, gre, ipip, l2tpv3, pppoe, mpls. Flows say in `outer` what
    /// lay around their frames; `capture.outer_bytes` is how many bytes that was. Layers in IP fragments stay.
    #[arg(long, value_name = "LAYER,...", help_heading = DECODING, value_delimiter = ',', value_parser = outer::layer)]
    decap: Vec<outer::Layer>,

    /// Whose time stamps are believed: the capture's, or those that capture equipment appended to frames
    ///
    /// trailer: Arista 7130 (MetaMako), Exablaze, VSS Monitoring, IXIA, EtherCAT Switch Link, and ERSPAN type III. A trailer is recognised by at least 8
    /// frames of an interface, and its bytes are not counted as the frame's.
    #[arg(long, value_enum, default_value_t, value_name = "WHOSE", help_heading = DECODING)]
    time_source: outer::TimeStamps,

    /// A session description that names streams, payload types and clock rates, and is compared with what is really
    /// sent. May be repeated
    #[cfg(feature = "broadcast")]
    #[arg(long, value_name = "FILE", help_heading = DECODING)]
    sdp: Vec<PathBuf>,

    /// The variant (P, D, N, M or Q) of an IENA key, which goes before declaration and structure. May be repeated
    #[cfg(feature = "telemetry")]
    #[arg(long = "iena-variant", value_name = "KEY=VARIANT", help_heading = DECODING, value_parser = KeyVariant::parse)]
    iena_variants: Vec<KeyVariant>,
}

/// The options about decoding once they are checked: the encodings and layers that they name exist, and the files that they name
/// are read.
pub(crate) struct Decoding {
    pub(crate) registry: DecoderRegistry,
    decap: Tunnels,
    time_source: TimeSource,
    decode_as: Vec<DecodeAs>,
}

impl DecodeArgs {
    /// Checks the options, and reads the files that they name. After this none of these options can fail any more.
    ///
    /// # Errors
    ///
    /// If an option names what does not exist, or a file that can't be read.
    pub(crate) fn resolve(&self) -> Result<Decoding, Failure> {
        let decap = outer::tunnels(&self.decap).map_err(Failure::usage)?;
        let registry = self.registry()?;
        let decode_as = self.decode_as.iter().map(|rule| rule.resolve(&registry)).collect::<Result<_, _>>()?;
        Ok(Decoding { registry, decap, time_source: self.time_source.into(), decode_as })
    }

    /// Returns the built-in decoders, with the variants of IENA keys and the session descriptions that the user gave.
    fn registry(&self) -> Result<DecoderRegistry, Failure> {
        #[cfg_attr(not(any(feature = "telemetry", feature = "broadcast")), expect(unused_mut))]
        let mut registry = DecoderRegistry::with_builtins();
        #[cfg(feature = "telemetry")]
        if !self.iena_variants.is_empty() {
            let told = self.iena_variants.iter();
            registry.register(told.fold(IenaDecoder::default(), |iena, one| one.tell(iena)));
        }
        #[cfg(feature = "broadcast")]
        if !self.sdp.is_empty() {
            let mut sap = SapDecoder::new();
            for path in &self.sdp {
                sap = with_sdp(sap, path)?;
            }
            registry.register(sap);
        }
        Ok(registry)
    }

    /// Returns an analyzer of whole captures that decodes by these options.
    pub(crate) fn analyzer(&self) -> Result<Analyzer, Failure> {
        let decoding = self.resolve()?;
        let options = decoding.options(EngineOptions::default());
        Ok(Analyzer { registry: decoding.registry, options, ..Analyzer::default() })
    }
}

impl Decoding {
    /// Returns `others` with what these options say of layers, time stamps and encodings.
    pub(crate) fn options(&self, others: EngineOptions) -> EngineOptions {
        let Self { decap, time_source, .. } = *self;
        EngineOptions { decap, time_source, decode_as: self.decode_as.clone(), ..others }
    }
}

#[cfg(feature = "broadcast")]
fn with_sdp(sap: SapDecoder, path: &PathBuf) -> Result<SapDecoder, Failure> {
    let failure = |what: String| Failure {
        status: Status::Usage,
        message: format!("{}: {what}; --sdp takes a file with one session description (RFC 8866)", path.display()),
    };
    let text = fs::read_to_string(path).map_err(|error| failure(error.to_string()))?;
    sap.with_sdp(&text).map_err(|error| failure(error.to_string()))
}
