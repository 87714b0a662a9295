//! Joins a group for one source, for IPv6, which no crate has as an option of its own.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};

use nix::libc;
use nix::setsockopt_impl;
use nix::sys::socket::sockopt::SetStruct;
use nix::sys::socket::{SockaddrStorage, setsockopt};
use socket2::Socket;

/// `struct group_source_req` (RFC 3678, section 5.1.1). That of `libc` can't be filled without `unsafe`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct GroupSourceRequest {
    interface: u32,
    group: SockaddrStorage,
    source: SockaddrStorage,
}

const _: () = {
    assert!(size_of::<GroupSourceRequest>() == size_of::<libc::group_source_req>());
    assert!(align_of::<GroupSourceRequest>() == align_of::<libc::group_source_req>());
};

/// Joins an IPv6 group for one source (RFC 3678, section 5.1): the kernel sends MLDv2. The macro
/// of nix makes an option of any structure; the kernel only reads it, and it has no pointers.
#[derive(Clone, Copy, Debug)]
struct JoinSourceGroup6;

setsockopt_impl!(
    JoinSourceGroup6,
    libc::IPPROTO_IPV6,
    libc::MCAST_JOIN_SOURCE_GROUP,
    GroupSourceRequest,
    SetStruct<'_, GroupSourceRequest>
);

/// Joins on the interface of this number.
pub(super) fn join(socket: &Socket, group: Ipv6Addr, source: Ipv6Addr, interface: u32) -> io::Result<()> {
    let storage = |address| SocketAddrV6::new(address, 0, 0, 0).into();
    let request = GroupSourceRequest { interface, group: storage(group), source: storage(source) };
    Ok(setsockopt(socket, JoinSourceGroup6, &request)?)
}
