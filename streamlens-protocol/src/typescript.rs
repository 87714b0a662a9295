//! The types in TypeScript.

use ts_rs::{Config, TS};

use crate as p;

/// The text of `ui/src/generated/protocol.ts` of streamlens-web: all types of the protocol.
#[must_use]
pub fn typescript() -> String {
    // counts are below 2^53
    let config = Config::new().with_large_int("number");
    let mut text = String::from(
        "// The types of protocol streamlens.v1, made from the crate streamlens-protocol by\n// UPDATE_TYPES=1 cargo test -p streamlens-protocol --features ts\n\nexport type JsonValue = number | string | boolean | Array<JsonValue> | { [key in string]?: JsonValue } | null;\n",
    );
    macro_rules! all {
        ($($of:ty),* $(,)?) => { $(declare::<$of>(&config, &mut text);)* };
    }
    all!(
        p::ServerMessage,
        p::FlowUpdate,
        p::HelloAnswer,
        p::Limits,
        p::Rights,
        p::Analyses,
        p::Done,
        p::ErrorMessage,
        p::Pong,
        p::Detail,
        p::Series,
        p::Bucket,
        p::Heat,
        p::HeatColumn,
        p::Reasons,
        p::Capture,
        p::Retired,
        p::RetiredCounts,
        p::Severity,
        p::FindingState,
        p::Finding,
        p::Occurrence,
        p::Where,
        p::Flow,
        p::FlowAtProbe,
        p::Endpoint,
        p::Transport,
        p::PortInfo,
        p::Encoding,
        p::Health,
        p::Stream,
        p::PacketType,
        p::Timing,
        p::Outliers,
        p::FindingCounts,
        p::ClientMessage,
        p::Id,
        p::Hello,
        p::Compression,
        p::Subscribe,
        p::Window,
        p::Depth,
        p::Unsubscribe,
        p::Watch,
        p::Part,
        p::Unwatch,
        p::Pause,
        p::Resume,
        p::At,
        p::Ping,
        p::Problem,
        p::FilterPlace,
        p::Analysis,
        p::AnalysisKind,
        p::AnalysisState,
        p::FlowPage,
        p::FindingPage,
        p::FilterText,
        p::FilterCheck,
        p::Completions,
        p::DecoderInfo,
        p::Version,
        p::ProbeIdentity,
        p::SpoolState,
        p::Probe,
        p::ProbeState,
        p::ProbeClock,
        p::ProbeSeries,
        p::ProbeSecond,
        p::ProbeGap,
        p::GapKind,
    );
    text
}

fn declare<T: TS>(config: &Config, text: &mut String) {
    text.push('\n');
    text.extend(T::docs());
    text.extend(["export ", &T::decl(config), "\n"]);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_interface_has_these_types() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../streamlens-web/ui/src/generated/protocol.ts");
        let wanted = super::typescript();
        if std::env::var_os("UPDATE_TYPES").is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            std::fs::write(&path, &wanted).expect("it can be written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "{} differs: run this test with UPDATE_TYPES=1", path.display());
    }
}
