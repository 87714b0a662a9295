//! Why a live capture can't begin.

use std::io;
use std::path::PathBuf;

use streamlens_model::SourceError;

use crate::filter::FilterError;

/// Why a live capture can't begin. Every message names the interface and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The right to capture is missing.
    #[error(
        "{interface}: no permission to capture: CAP_NET_RAW is missing; sudo setcap cap_net_raw=ep {}, or run it with \
         sudo (root is given up after opening)", program.display()
    )]
    NoPermission {
        /// Name of the interface.
        interface: String,
        /// The running program.
        program: PathBuf,
    },
    /// There is no such interface.
    #[error("{interface}: no such interface{}; -D lists those that there are", near_names(near))]
    NoSuchInterface {
        /// The name as given.
        interface: String,
        /// Names of interfaces that are like it.
        near: Vec<String>,
    },
    /// The interface is down.
    #[error("{interface}: is down; {} {interface} up, or --wait for it", if cfg!(target_os = "linux") { "ip link set" } else { "ifconfig" })]
    Down {
        /// Name of the interface.
        interface: String,
    },
    /// An interface was waited for, and is still not there.
    #[error("{0}; it was waited for until now")]
    NotWaitedFor(Box<Self>),
    /// No interface is up.
    #[error("any: no interface is up; -D lists those that there are")]
    NoneUp,
    /// Frames of the interface begin in a way that is not known.
    #[error("{interface}: frames of link type ARPHRD {number} ({name}) are not read; capture on another interface")]
    UnknownLink {
        /// Name of the interface.
        interface: String,
        /// The `ARPHRD_` number of Linux.
        number: u16,
        /// Its name, `unknown` where it has none here.
        name: &'static str,
    },
    /// The capture filter is wrong.
    #[error("capture filter: {0}")]
    Filter(#[from] FilterError),
    /// The network can't be asked for a multicast group.
    #[error("--join {group}: {source}")]
    Join {
        /// The group as given.
        group: String,
        /// What the system said.
        source: io::Error,
    },
    /// libpcap refuses to capture, or can't do what was asked for.
    #[error("{interface}: {said}")]
    Libpcap {
        /// Name of the interface.
        interface: String,
        /// What it said, and what to do.
        said: String,
        /// Whether it is for want of rights.
        is_denied: bool,
    },
    /// libpcap doesn't take the capture filter.
    #[error("capture filter: {0}; man pcap-filter has the language")]
    LibpcapFilter(String),
    /// The system refused something else.
    #[error("{interface}: {what}: {source}")]
    System {
        /// Name of the interface.
        interface: String,
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl LiveError {
    pub(crate) fn system(interface: &str, what: &str, source: impl Into<io::Error>) -> Self {
        Self::System { interface: interface.to_owned(), what: what.to_owned(), source: source.into() }
    }

    /// The interface that it is about; empty where it is about none.
    #[must_use]
    pub fn interface(&self) -> &str {
        match self {
            Self::NoPermission { interface, .. }
            | Self::NoSuchInterface { interface, .. }
            | Self::Down { interface }
            | Self::UnknownLink { interface, .. }
            | Self::Libpcap { interface, .. }
            | Self::System { interface, .. } => interface,
            Self::NotWaitedFor(error) => error.interface(),
            Self::NoneUp => "any",
            Self::Filter(_) | Self::LibpcapFilter(_) | Self::Join { .. } => "",
        }
    }
}

impl From<LiveError> for SourceError {
    fn from(error: LiveError) -> Self {
        let is_denied = matches!(error, LiveError::NoPermission { .. } | LiveError::Libpcap { is_denied: true, .. });
        Self::new(error.interface().to_owned(), is_denied, error)
    }
}

fn near_names(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_interface_and_what_to_do() {
        let interface = || "eth0".to_owned();
        let denied = LiveError::NoPermission { interface: interface(), program: "/opt/streamlens".into() };
        let unknown = LiveError::UnknownLink { interface: "can0".to_owned(), number: 280, name: "CAN" };
        let missing = |near: &[&str]| LiveError::NoSuchInterface {
            interface: interface(),
            near: near.iter().map(|name| (*name).to_owned()).collect(),
        };
        for (error, expected) in [
            (
                &denied,
                "eth0: no permission to capture: CAP_NET_RAW is missing; sudo setcap cap_net_raw=ep /opt/streamlens, or run \
                 it with sudo (root is given up after opening)",
            ),
            (&unknown, "can0: frames of link type ARPHRD 280 (CAN) are not read; capture on another interface"),
            (&missing(&[]), "eth0: no such interface; -D lists those that there are"),
            (
                &missing(&["eth1", "eth2"]),
                "eth0: no such interface; did you mean eth1 or eth2?; -D lists those that there are",
            ),
            (&LiveError::Down { interface: interface() }, "eth0: is down; ip link set eth0 up, or --wait for it"),
        ] {
            assert_eq!(error.to_string(), expected);
        }
        let error = SourceError::from(denied);
        assert_eq!((error.path(), error.is_permission_denied()), (std::path::Path::new("eth0"), true));
        assert!(!SourceError::from(unknown).is_permission_denied());
    }
}
