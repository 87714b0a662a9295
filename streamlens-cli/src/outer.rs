//! Which layers are taken off frames, and whose time stamps are believed.

use clap::ValueEnum;
use streamlens::engine::{TimeSource, Tunnel, Tunnels};

/// A word of `--decap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    All,
    None,
    One(Tunnel),
}

/// Reads a word of `--decap`.
pub(crate) fn layer(text: &str) -> Result<Layer, String> {
    let word = text.trim().to_ascii_lowercase();
    let known = Tunnel::ALL.into_iter().find(|tunnel| tunnel.name() == word);
    match (word.as_str(), known) {
        ("all", _) => Ok(Layer::All),
        ("none", _) => Ok(Layer::None),
        (_, Some(tunnel)) => Ok(Layer::One(tunnel)),
        _ => {
            let names: Vec<_> = Tunnel::ALL.iter().map(|tunnel| tunnel.name()).collect();
            Err(format!("there is no layer `{word}` to take off; write all, none, or some of {}", names.join(", ")))
        }
    }
}

/// What is taken off: mirror formats and what is named, but nothing where `none` is, which contradicts `all`.
pub(crate) fn tunnels(words: &[Layer]) -> Result<Tunnels, String> {
    let is_none = words.contains(&Layer::None);
    if is_none && words.contains(&Layer::All) {
        return Err("--decap: all and none contradict each other; write one of them".to_owned());
    }
    let begin = if is_none { Tunnels::NONE } else { Tunnels::default() };
    Ok(words.iter().fold(begin, |tunnels, word| match word {
        Layer::All => Tunnels::ALL,
        Layer::None => tunnels,
        Layer::One(tunnel) => tunnels.with(*tunnel),
    }))
}

/// Whose time stamps are believed, as the command is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeStamps {
    #[default]
    Capture,
    Trailer,
}

impl From<TimeStamps> for TimeSource {
    fn from(stamps: TimeStamps) -> Self {
        match stamps {
            TimeStamps::Capture => Self::Capture,
            TimeStamps::Trailer => Self::Trailer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_taken_off_beside_mirrors() {
        let read = |text: &str| tunnels(&text.split(',').map(layer).collect::<Result<Vec<_>, _>>().unwrap()).unwrap();
        assert_eq!(tunnels(&[]), Ok(Tunnels::MIRRORS));
        assert_eq!(read("all"), Tunnels::ALL);
        assert_eq!(read("none"), Tunnels::NONE);
        assert_eq!(read("none,gre"), Tunnels::NONE.with(Tunnel::Gre));
        assert_eq!(read("vxlan, GRE"), Tunnels::MIRRORS.with(Tunnel::Vxlan).with(Tunnel::Gre));
        assert!(tunnels(&[Layer::None, Layer::All]).unwrap_err().contains("contradict"));
        assert!(tunnels(&[Layer::None, Layer::One(Tunnel::Gre)]).is_ok() && tunnels(&[]).is_ok());
        assert!(layer("vlan").unwrap_err().contains("geneve"));
    }
}
