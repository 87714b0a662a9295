//! Tokens of probes: a folder with a file for each, which holds the hash of the token and the probe that it is of.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use crate::probe::is_uuid;
use crate::text::{hex, is_name};

/// Bytes of a file that is read.
const MOST_BYTES: u64 = 4 << 10;

/// A folder of tokens.
#[derive(Clone, Debug)]
pub(super) struct Tokens(PathBuf);

/// A token that is known, by the name of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: String,
    hash: String,
    /// The probe that has used it first: it is of no other.
    pub(super) id: Option<String>,
}

impl Tokens {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The token that somebody says; `None` where there is none such.
    pub(super) fn find(&self, token: &str) -> Option<Known> {
        // hashes of random tokens are compared: how long that takes says nothing of the token
        let hash = hash(token);
        self.all().find(|known| known.hash == hash)
    }

    /// Whether a token is still there.
    pub(super) fn has(&self, known: &Known) -> bool {
        read(&self.0.join(&known.name)).is_some_and(|now| now.hash == known.hash)
    }

    /// Keeps which probe a token is of.
    pub(super) fn bind(&self, known: &Known, id: &str) -> io::Result<()> {
        write(&self.0.join(&known.name), &format!("sha256:{}\nprobe:{id}\n", known.hash))
    }

    fn all(&self) -> impl Iterator<Item = Known> {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().filter_map(Result::ok);
        files.filter_map(|file| read(&file.path()))
    }
}

fn read(path: &Path) -> Option<Known> {
    let name = path.file_name()?.to_str()?.to_owned();
    let metadata = path.metadata().ok()?;
    if name.starts_with('.') || !metadata.is_file() || metadata.len() > MOST_BYTES {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let hash = line("sha256:").filter(|hash| hash.len() == 64)?.to_lowercase();
    Some(Known { name, hash, id: line("probe:").filter(|id| is_uuid(id)).map(str::to_owned) })
}

fn hash(token: &str) -> String {
    hex(digest(&SHA256, token.trim().as_bytes()).as_ref())
}

/// Writes a file beside it and puts it in its place, so that it is never half there.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_file_name(format!(".{}.new", path.file_name().unwrap_or_default().to_string_lossy()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&beside)?.write_all(text.as_bytes())?;
    std::fs::rename(&beside, path)
}

/// Makes a token for a probe, and keeps its hash in a folder, in a file of that name. Deleting the file revokes it.
///
/// # Errors
///
/// Where the name is no name of a file, there is one of that name, or it can't be written.
pub fn new_token(folder: &Path, name: &str) -> io::Result<String> {
    if !is_name(name) || name.starts_with('.') || name.contains(['/', '\\']) {
        return Err(io::Error::other(format!("'{name}' is no name of a token: it becomes the name of a file")));
    }
    let named = |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    std::fs::create_dir_all(folder).map_err(|error| named(folder, error))?;
    let path = folder.join(name);
    if path.exists() {
        return Err(io::Error::other(format!("{} is there: delete it to revoke that token", path.display())));
    }
    let token = streamlens_web::token()?;
    write(&path, &format!("sha256:{}\n", hash(&token))).map_err(|error| named(&path, error))?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_kept_hashed_and_revoked_by_deleting() {
        let folder = std::env::temp_dir().join(format!("streamlens-tokens-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let (one, other) = (new_token(&folder, "studio-a").unwrap(), new_token(&folder, "studio-b").unwrap());
        assert!(new_token(&folder, "studio-a").unwrap_err().to_string().contains("delete it"));
        for name in ["", "../x", ".hidden", "a/b"] {
            assert!(new_token(&folder, name).is_err(), "{name}");
        }
        // what can't be a folder is named
        let error = new_token(&folder.join("studio-a"), "x").unwrap_err().to_string();
        assert!(error.starts_with(&folder.join("studio-a").display().to_string()), "{error}");
        let tokens = Tokens::new(folder.clone());
        let known = tokens.find(&one).unwrap();
        assert_eq!((known.name.as_str(), known.id.as_deref()), ("studio-a", None));
        assert_eq!(tokens.find(&other).map(|known| known.name), Some("studio-b".to_owned()));
        assert!(tokens.find("wrong").is_none() && tokens.find("").is_none());
        let kept = std::fs::read_to_string(folder.join("studio-a")).unwrap();
        assert!(!kept.contains(&one), "{kept}");
        let id = "0c7bd7fd-6a6e-4a8e-9a42-1a60a86e3f0e";
        tokens.bind(&known, id).unwrap();
        assert_eq!(tokens.find(&one).unwrap().id.as_deref(), Some(id));
        assert!(tokens.has(&known));
        std::fs::remove_file(folder.join("studio-a")).unwrap();
        assert!(!tokens.has(&known) && tokens.find(&one).is_none());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
