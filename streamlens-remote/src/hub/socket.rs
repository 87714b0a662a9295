//! `/probe`: carries messages between a probe and the hub's thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use streamlens_protocol::Problem;
use streamlens_web::problem_response;
use tokio::sync::mpsc;

use super::Way;
use super::core::{Arrived, Command, Event, Order};
use crate::clock;
use crate::text::inflated;

/// Bytes of a message on the wire.
const MOST_WIRE: usize = 1 << 20;
/// Bytes of its text.
const MOST_TEXT: usize = 2 << 20;
/// Seconds of the allowed rate that a probe may save up.
const SAVED: u64 = 4;
/// How long a probe may take nothing, and may say nothing: it tells how it is once a second.
const PATIENCE: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);
/// How long it may take until it has said who it is.
const FIRST: Duration = Duration::from_secs(10);
/// Between two measurements of its clock; the first few come sooner.
const CLOCK: Duration = Duration::from_secs(10);
const CLOCK_AT_FIRST: Duration = Duration::from_millis(200);
const FIRST_MEASUREMENTS: u64 = 4;
/// Orders that may wait for a probe.
const ROOM: usize = 64;

fn refused(way: &Way, address: SocketAddr, kind: &str, title: &str, status: u16, what: &str) -> Response {
    let why = what.to_owned();
    // where there is no hub any more nobody wants to know
    let _ = way.commands.send(Command::TurnedAway { address, why });
    problem_response(Problem::new(kind, title, status, what))
}

/// Lets a probe in, or not.
pub(super) async fn probe(
    State(way): State<Arc<Way>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if headers.contains_key(header::ORIGIN) {
        let what = "a page of a browser is no probe";
        return refused(&way, address, "origin", "Pages may not ask", 403, what);
    }
    let token = match &way.tokens {
        None => None,
        Some(tokens) => {
            let said = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let said = said.and_then(|value| value.split_once(' '));
            let said = said.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
            let Some(said) = said else {
                let what = "this hub asks for a token: give the probe --token-file FILE";
                return refused(&way, address, "token", "A token is needed", 401, what);
            };
            let Some(known) = tokens.find(said) else {
                let what = "this hub does not know the token, or it has been revoked";
                return refused(&way, address, "token", "A token is needed", 401, what);
            };
            Some(known)
        }
    };
    let id = way.next.fetch_add(1, Ordering::Relaxed);
    upgrade
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20)
        .max_message_size(MOST_WIRE)
        .max_frame_size(MOST_WIRE)
        .on_upgrade(move |socket| async move {
            let (out, orders) = mpsc::channel(ROOM);
            if way.events.send(Event::Arrived(id, Arrived { address, token, out })).await.is_ok() {
                let why = carry(&way, id, socket, orders).await;
                let _ = way.events.send(Event::Gone(id, why)).await;
            }
        })
}

/// Carries messages until the connection is gone; why it is, where the hub or the probe's behaviour ended it.
async fn carry(way: &Way, id: u64, mut socket: WebSocket, mut orders: mpsc::Receiver<Order>) -> Option<&'static str> {
    let mut pace = Pace::new(way.bytes_per_second);
    let (mut pings, mut heard, begun) = (0_u64, clock::instant(), clock::instant());
    let mut next_ping = None::<Instant>;
    let mut is_known = false;
    let why: (u16, String, Option<&'static str>) = loop {
        let patience = if is_known { heard + SILENCE } else { begun + FIRST };
        tokio::select! {
            order = orders.recv() => {
                let text = match order {
                    None => break (1001, "the hub ends".to_owned(), None),
                    Some(Order::Close(why)) => break (1008, why, None),
                    Some(Order::Measure) => {
                        is_known = true;
                        next_ping = Some(clock::instant());
                        continue;
                    }
                    Some(Order::Say(text)) => text,
                };
                if !sent(&mut socket, text).await {
                    return Some("it takes nothing");
                }
            }
            () = until(next_ping) => {
                pings += 1;
                let pause = if pings < FIRST_MEASUREMENTS { CLOCK_AT_FIRST } else { CLOCK };
                next_ping = Some(clock::instant() + pause);
                if way.events.send(Event::Pinged(id, pings, clock::now())).await.is_err()
                    || !sent(&mut socket, format!("{{\"type\":\"ping\",\"id\":{pings}}}")).await
                {
                    return Some("it takes nothing");
                }
            }
            said = socket.recv() => {
                let came = clock::now();
                heard = clock::instant();
                let text = match said {
                    None | Some(Ok(Message::Close(_))) => return None,
                    Some(Err(error)) => {
                        let is_long = error.to_string().contains("too long") || error.to_string().contains("too large");
                        return is_long.then_some("its message was longer than 1 MiB");
                    }
                    Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
                    Some(Ok(Message::Binary(bytes))) => match inflated(&bytes, MOST_TEXT) {
                        Some(text) => text,
                        None => break (1009, "a message that is no deflate stream, or too long".to_owned(), Some("its message was no deflate stream, or longer than 2 MiB")),
                    },
                    Some(Ok(_)) => continue,
                };
                if let Some(wait) = pace.owes(text.len() as u64, heard) {
                    // what comes too fast waits, in the buffers of the probe in the end
                    if way.events.send(Event::TooFast(id)).await.is_err() {
                        return None;
                    }
                    tokio::time::sleep(wait).await;
                }
                if way.events.send(Event::Said(id, text, came)).await.is_err() {
                    return None;
                }
            }
            () = until(Some(patience)) => break (1008, "nothing was heard for too long".to_owned(), Some("it was silent for too long")),
        }
    };
    let (code, reason, told) = why;
    let reason: String = reason.chars().take(100).collect();
    let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.send(close)).await;
    told
}

async fn sent(socket: &mut WebSocket, text: String) -> bool {
    matches!(tokio::time::timeout(PATIENCE, socket.send(Message::Text(text.into()))).await, Ok(Ok(())))
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Bytes that a probe may send: so many a second, some saved up.
struct Pace {
    per_second: u64,
    left: i128,
    last: Option<Instant>,
}

impl Pace {
    fn new(per_second: u64) -> Self {
        Self { per_second, left: i128::from(per_second * SAVED), last: None }
    }

    /// Counts a message; how long it has to wait, where it is one too many.
    fn owes(&mut self, bytes: u64, now: Instant) -> Option<Duration> {
        if let Some(last) = self.last.replace(now) {
            let gained =
                now.saturating_duration_since(last).as_micros() as i128 * i128::from(self.per_second) / 1_000_000;
            self.left = (self.left + gained).min(i128::from(self.per_second * SAVED));
        }
        self.left -= i128::from(bytes);
        let owed = u64::try_from(-self.left).ok().filter(|owed| *owed > 0)?;
        Some(Duration::from_secs_f64(owed as f64 / self.per_second as f64).min(SILENCE / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_ten_times_too_much_waits_nine_tenths_of_the_time() {
        let mut pace = Pace::new(1_000);
        let mut now = clock::instant();
        let begin = now;
        for _ in 0..1_000 {
            now += Duration::from_millis(10);
            now += pace.owes(100, now).unwrap_or_default();
        }
        let passed = (now - begin).as_secs_f64();
        assert!((95.0..=101.0).contains(&passed), "{passed}: 100,000 bytes at 1,000 a second, 4,000 saved up");
    }
}
