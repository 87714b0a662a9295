//! Which interfaces are meant by their names.

use std::io;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::clock;
use crate::error::LiveError;
use crate::notices::Notices;
use crate::options::LiveOptions;

/// How often it is looked again for an interface that is waited for.
const AGAIN: Duration = Duration::from_millis(200);

/// An interface that may be captured on, however the system lists it.
pub(crate) trait Candidate: Clone {
    /// Whether it can be opened while it is down, and gives frames once it is up.
    const CAN_BE_DOWN: bool;

    fn name(&self) -> &str;
    fn is_up(&self) -> bool;
    /// Why `any` doesn't take it although it is up; `None` where it does.
    fn left_out(&self) -> Option<String>;
}

/// The interfaces that are meant; where that is wanted, waits for those that can't be opened yet.
pub(crate) fn choose<C: Candidate>(
    options: &LiveOptions,
    notices: &mut Notices,
    list: impl Fn() -> io::Result<Vec<C>>,
) -> Result<Vec<C>, LiveError> {
    let opens_down = C::CAN_BE_DOWN && options.wait.is_some();
    let begun = clock::instant();
    let mut told = String::new();
    loop {
        let list = list().map_err(|error| LiveError::system("any", "interfaces can't be listed", error))?;
        let mut chosen: Vec<C> = Vec::new();
        let mut missing = None;
        for name in &options.interfaces {
            let found: Vec<&C> = if name == "any" {
                list.iter().filter(|info| info.is_up() && info.left_out().is_none()).collect()
            } else {
                list.iter().filter(|info| info.name() == name).collect()
            };
            missing = missing.or(match found.as_slice() {
                [] if name == "any" => Some(LiveError::NoneUp),
                [] => {
                    let near = near_names(name, list.iter().map(Candidate::name));
                    Some(LiveError::NoSuchInterface { interface: name.clone(), near })
                }
                [one] if !one.is_up() && !opens_down => Some(LiveError::Down { interface: name.clone() }),
                _ => None,
            });
            if name == "any" {
                for info in list.iter().filter(|info| info.is_up()) {
                    if let Some(why) = info.left_out() {
                        notices.left_out(info.name(), &why);
                    }
                }
            }
            for info in found {
                if !chosen.iter().any(|known| known.name() == info.name()) {
                    chosen.push(info.clone());
                }
            }
        }
        let Some(error) = missing else { return Ok(chosen) };
        let Some(most) = options.wait else { return Err(error) };
        if options.stop.load(Ordering::Relaxed) || clock::instant().duration_since(begun) >= most {
            return Err(LiveError::NotWaitedFor(Box::new(error)));
        }
        let what = match error {
            LiveError::NoSuchInterface { interface, .. } => format!("{interface}: waits until it is there"),
            LiveError::Down { interface } => format!("{interface}: waits until it is up"),
            _ => "any: waits until an interface is up".to_owned(),
        };
        if what != told {
            (options.on_wait)(&format!("{what}; nothing is captured meanwhile"));
            told = what;
        }
        notices.clear();
        thread::sleep(AGAIN);
    }
}

/// Names that are like one that does not exist: at most two letters differ, or one begins with the other.
fn near_names<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let is_near = |other: &&str| other.starts_with(name) || name.starts_with(*other) || distance(name, other) <= 2;
    let mut near: Vec<&str> = names.filter(is_near).collect();
    near.sort_by_key(|other| distance(name, other));
    near.into_iter().take(3).map(str::to_owned).collect()
}

/// Levenshtein distance; names of interfaces have at most 15 bytes.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.chars().take(64).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (column, b) in other.iter().enumerate() {
            let above = row.get(column + 1).copied().unwrap_or(0);
            let best = (left + 1).min(above + 1).min(diagonal + usize::from(a != *b));
            if let Some(cell) = row.get_mut(column) {
                *cell = left;
            }
            diagonal = above;
            left = best;
        }
        if let Some(last) = row.last_mut() {
            *last = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_letters_that_differ() {
        for (one, other, expected) in [("eth0", "eth0", 0), ("eth0", "eth1", 1), ("", "lo", 2), ("enp3s0", "ens3", 3)] {
            assert_eq!((distance(one, other), distance(other, one)), (expected, expected), "{one} {other}");
        }
        assert_eq!(near_names("l0", ["eth0", "lo"].into_iter()), ["lo"]);
    }
}
