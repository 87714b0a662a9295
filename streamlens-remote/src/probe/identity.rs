//! Who a probe is: a UUID that is made at its first start and kept in a file.

use std::io::{self, Write};
use std::path::Path;

use crate::text::hex;

/// Whether a text is a UUID in lower case, as RFC 9562 writes it.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
        })
}

/// A UUID of version 4: random numbers.
fn uuid() -> io::Result<String> {
    let mut bytes = [0; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|_| io::Error::other("the system gives no random numbers"))?;
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let digits = hex(&bytes);
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    let parts: Vec<&str> = parts.into_iter().filter_map(|(from, to)| digits.get(from..to)).collect();
    Ok(parts.join("-"))
}

/// The UUID that a file keeps; made, with the folders above it, where there is no such file.
///
/// # Errors
///
/// Where the file can't be read or made, or holds something else.
pub fn identity(path: &Path) -> io::Result<String> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    match std::fs::read_to_string(path) {
        Ok(text) if is_uuid(text.trim()) => Ok(text.trim().to_owned()),
        Ok(_) => {
            let what = format!(
                "{}: this is no UUID; take the file away for a new one, or name another by --state-file",
                path.display()
            );
            Err(io::Error::new(io::ErrorKind::InvalidData, what))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(named)?;
            }
            let id = uuid()?;
            // of two that start at the same time one has made it
            match std::fs::OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(mut file) => file.write_all(format!("{id}\n").as_bytes()).map_err(named).map(|()| id),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => identity(path),
                Err(error) => Err(named(error)),
            }
        }
        Err(error) => Err(named(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_kept() {
        let folder = std::env::temp_dir().join(format!("streamlens-identity-{}", std::process::id()));
        let path = folder.join("deep/one");
        let id = identity(&path).unwrap();
        assert!(is_uuid(&id) && id.as_bytes().get(14) == Some(&b'4'), "{id}");
        assert_eq!(identity(&path).unwrap(), id);
        assert_ne!(identity(&folder.join("other")).unwrap(), id);
        std::fs::write(&path, "something else").unwrap();
        assert!(identity(&path).unwrap_err().to_string().contains("--state-file"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
