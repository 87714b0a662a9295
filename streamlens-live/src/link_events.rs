//! What the kernel says by itself of interfaces: that one changed, came or went.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket};

/// The group of messages about links: `RTMGRP_LINK` of `linux/rtnetlink.h`.
const LINKS: u32 = 1;
/// So many messages at most are read in one go.
const MOST: usize = 256;

/// A netlink socket that has a message whenever an interface changes. What changed is looked up by whoever is told: messages
/// may be lost where they come too fast, states are not.
#[derive(Debug)]
pub(crate) struct LinkEvents(OwnedFd);

impl LinkEvents {
    /// Listens; needs no right. `None` where the system refuses.
    pub(crate) fn open() -> Option<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute).ok()?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, LINKS)).ok()?;
        Some(Self(socket))
    }

    /// Takes the messages that are there; whether there were any.
    pub(crate) fn take(&self) -> bool {
        let mut message = [0; 64];
        for count in 0..MOST {
            // what of a message finds no room is thrown away
            match recv(self.0.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(_) => return count > 0,
            }
        }
        true
    }
}

impl AsFd for LinkEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use nix::sched::{CloneFlags, unshare};
    use nix::unistd::Uid;

    use super::*;

    #[test]
    fn a_change_is_told_once() {
        if !Uid::effective().is_root() {
            eprintln!("\n******** LINK EVENTS NOT TRIED: a network namespace for a thread needs root ********\n");
            return;
        }
        // the thread, and what it starts, has a network of its own
        let thread = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
            let events = LinkEvents::open().expect("it listens");
            assert!(!events.take());
            for state in ["up", "down"] {
                let set = Command::new("ip").args(["link", "set", "lo", state]).status().expect("ip is there");
                assert!(set.success() && events.take(), "{state}");
                assert!(!events.take());
            }
        });
        thread.join().expect("no panic");
    }
}
