//! The error of a live capture that can't begin.

use std::io;
use std::path::PathBuf;

use streamlens_model::SourceError;

use crate::filter::FilterError;

/// Why a live capture can't begin. Messages about an interface begin with its name; most messages say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The process has no right to capture.
    #[error(
        "{interface}: no permission to capture: CAP_NET_RAW is missing; sudo setcap cap_net_raw=ep {}, or run it with \
         sudo (root is given up after opening)", program.display()
    )]
    NoPermission {
        /// Name of the interface.
        interface: String,
        /// Path of the running program, for the `setcap` command of the message.
        program: PathBuf,
    },
    /// There is no such interface.
    #[error("{interface}: no such interface{}; -D lists those that there are", near_names(near))]
    NoSuchInterface {
        /// The name as given.
        interface: String,
        /// Names of interfaces that are similar.
        near: Vec<String>,
    },
    /// The interface is down.
    #[error("{interface}: is down; {} {interface} up, or --wait for it", if cfg!(target_os = "linux") { "ip link set" } else { "ifconfig" })]
    Down {
        /// Name of the interface.
        interface: String,
    },
    /// An interface was waited for, and the time to wait is over.
    #[error("{0}; it was waited for until now")]
    NotWaitedFor(Box<Self>),
    /// The interface `any` was asked for, and no interface is up.
    #[error("any: no interface is up; -D lists those that there are")]
    NoneUp,
    /// The link type of the interface is not one that is read.
    #[error("{interface}: frames of link type ARPHRD {number} ({name}) are not read; capture on another interface")]
    UnknownLink {
        /// Name of the interface.
        interface: String,
        /// The `ARPHRD_` number of Linux.
        number: u16,
        /// The name of that number; `unknown` if there is none in the list of names.
        name: &'static str,
    },
    /// The capture filter is wrong.
    #[error("capture filter: {0}")]
    Filter(#[from] FilterError),
    /// The system refuses to ask the network for a multicast group.
    #[error("--join {group}: {source}")]
    Join {
        /// The group as given.
        group: String,
        /// The error of the system.
        source: io::Error,
    },
    /// libpcap refuses to capture, or can't do what was asked for.
    #[error("{interface}: {said}")]
    Libpcap {
        /// Name of the interface.
        interface: String,
        /// The message of libpcap, and what to do.
        said: String,
        /// Whether libpcap refuses because the process has no right to capture.
        is_denied: bool,
    },
    /// libpcap refuses the capture filter.
    #[error("capture filter: {0}; man pcap-filter has the language")]
    LibpcapFilter(String),
    /// The system refuses another call.
    #[error("{interface}: {what}: {source}")]
    System {
        /// Name of the interface.
        interface: String,
        /// What the call was for.
        what: String,
        /// The error of the system.
        source: io::Error,
    },
}

impl LiveError {
    pub(crate) fn system(interface: &str, what: &str, source: impl Into<io::Error>) -> Self {
        Self::System { interface: interface.to_owned(), what: what.to_owned(), source: source.into() }
    }

    /// Returns the name of the interface that the error is about; an empty text if it is about no interface.
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
