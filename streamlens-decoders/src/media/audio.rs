//! PCM audio in RTP: L16 and L24 (RFC 3551, RFC 3190) as AES67 and ST 2110-30 use them, and AES3 in AM824
//! (ST 2110-31).
//!
//! PCM has no header of its own. It is recognised because the bytes of every packet are the same whole multiple of the
//! timestamp's step to the next packet, which is channels times bytes per sample, and because the timestamps run at a
//! sampling rate. AES67, ST 2110-30 and other PCM look alike on the wire, so that is never surer than 0.7; what an
//! announcement says decides. Where the bytes fit 16 and 24 bits both, the smoother waveform decides.
//!
//! Measured besides: the time stamp delay factor (EBU Tech 3337) over windows of 200 ms, packet time, payload sizes,
//! packets of silence. AM824 is built from the standard's field table and was never seen in the wild.
//! Not decoded: L20, compressed audio, the channel status of AES3.

mod am824;
mod pcm;
#[cfg(test)]
mod tests;
mod timing;

pub use am824::Am824Analyser;
pub use pcm::PcmAnalyser;
