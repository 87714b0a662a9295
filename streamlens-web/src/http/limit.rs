//! Connections at once, in all and of one address.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Connections that there are.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    most_of_one: usize,
    by_address: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

impl Connections {
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, by_address: Mutex::default() }
    }

    /// Counts a connection, where there is room for it.
    fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, by_address) = &mut *counts;
        let of_one = by_address.get(&address).copied().unwrap_or(0);
        if *all >= self.most || of_one >= self.most_of_one && !address.is_loopback() {
            return None;
        }
        *all += 1;
        *by_address.entry(address).or_default() += 1;
        Some(Permit { of: Arc::clone(self), address })
    }
}

/// A connection that counts.
#[derive(Debug)]
struct Permit {
    of: Arc<Connections>,
    address: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.of.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, by_address) = &mut *counts;
        *all = all.saturating_sub(1);
        if let Some(of_one) = by_address.get_mut(&self.address) {
            *of_one = of_one.saturating_sub(1);
            if *of_one == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// Accepts as another does, as many as may be; the rest are closed at once.
#[derive(Clone, Debug)]
pub(super) struct Limited<A> {
    pub(super) inner: A,
    pub(super) connections: Arc<Connections>,
}

type Accepted<T, S> = Pin<Box<dyn Future<Output = io::Result<(T, S)>> + Send>>;

impl<A, S> Accept<TcpStream, S> for Limited<A>
where
    A: Accept<TcpStream, S>,
    A::Future: Send + 'static,
    A::Stream: Unpin + Send + 'static,
    A::Service: Send + 'static,
    S: 'static,
{
    type Stream = Counted<A::Stream>;
    type Service = A::Service;
    type Future = Accepted<Self::Stream, Self::Service>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let permit = stream.peer_addr().map(|address| self.connections.enter(address.ip()));
        // messages are whole: none waits for more to go with
        let _ = stream.set_nodelay(true);
        let accepted = self.inner.accept(stream, service);
        Box::pin(async move {
            let permit = permit?.ok_or_else(|| io::Error::other("too many connections"))?;
            let (stream, service) = accepted.await?;
            Ok((Counted { stream, _permit: permit }, service))
        })
    }
}

/// A stream that counts for as long as it is open.
#[derive(Debug)]
pub(super) struct Counted<T> {
    stream: T,
    _permit: Permit,
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_addresses_have_a_limit_of_their_own() {
        let connections = Arc::new(Connections::new(4, 2));
        let (near, far): (IpAddr, IpAddr) = ("127.0.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let held: Vec<_> = [far, far, far, near, near, near].map(|address| connections.enter(address)).into();
        assert_eq!(held.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, true, true, false]);
        drop(held);
        assert!(connections.enter(near).is_some());
        assert!(connections.by_address.lock().unwrap().1.is_empty());
    }
}
