//! Gives up rights once the interfaces are open: what comes from the wire is hostile, and what reads it needs none of them.

use std::io;
use std::path::{Path, PathBuf};

use caps::CapSet;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, path_beneath_rules,
};
use nix::sys::prctl;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

/// The user `nobody`, where root was not reached by sudo.
const NOBODY: u32 = 65_534;

/// Who the process becomes, and who its files belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub user: u32,
    /// Group.
    pub group: u32,
}

/// What the process may still do after its interfaces and files were opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Folders in which files are written, and replaced, later.
    pub write_in: Vec<PathBuf>,
    /// Folders in which files are read later, or files.
    pub read_in: Vec<PathBuf>,
    /// TCP ports that are connected to later.
    pub connect_to: Vec<u16>,
}

impl Owner {
    /// Who root becomes: the user that called sudo, else nobody. `None` where the process is not root's.
    #[must_use]
    pub fn after_root() -> Option<Self> {
        if !Uid::effective().is_root() {
            return None;
        }
        let number = |name| std::env::var(name).ok()?.parse::<u32>().ok().filter(|id| *id != 0);
        let user = number("SUDO_UID");
        let group = user.and_then(|_| number("SUDO_GID"));
        Some(Self { user: user.unwrap_or(NOBODY), group: group.unwrap_or(NOBODY) })
    }

    /// Gives a file to this user.
    ///
    /// # Errors
    ///
    /// Where the system refuses.
    pub fn take(self, file: &std::fs::File) -> io::Result<()> {
        std::os::unix::fs::fchown(file, Some(self.user), Some(self.group))
    }

    fn become_it(self) -> nix::Result<()> {
        let (user, group) = (Uid::from_raw(self.user), Gid::from_raw(self.group));
        setgroups(&[])?;
        setresgid(group, group, group)?;
        setresuid(user, user, user)
    }

    /// Whether this user may write into a folder, going by its owner and mode alone.
    fn may_write(self, folder: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        folder.metadata().is_ok_and(|folder| {
            let mode = folder.mode();
            mode & 0o002 != 0
                || (folder.uid() == self.user && mode & 0o200 != 0)
                || (folder.gid() == self.group && mode & 0o020 != 0)
        })
    }
}

impl Confinement {
    /// Who root becomes; else why it stays root: that user may not write where files are written later.
    ///
    /// # Errors
    ///
    /// The reason, in half a sentence.
    pub fn owner(&self) -> Result<Owner, String> {
        let owner = Owner::after_root().ok_or("the process is not root's")?;
        match self.write_in.iter().find(|folder| !owner.may_write(folder)) {
            Some(folder) => Err(format!("user {} may not write into {}", owner.user, folder.display())),
            None => Ok(owner),
        }
    }

    /// Gives up everything but this: no new privileges, no capability, no root, no file read outside of [`Self::read_in`], none
    /// written outside of [`Self::write_in`], no TCP but on sockets that listen already and to [`Self::connect_to`]. Sockets and
    /// files that are open stay so. It holds for this thread and those that it starts, so it is for the time before any other
    /// thread.
    ///
    /// Returns what could not be had, in sentences; it is no failure, for older systems have not all of it.
    #[must_use]
    pub fn enter(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut note = |what: &str, result: Result<(), String>| {
            if let Err(why) = result {
                missing.push(format!("{what}: {why}"));
            }
        };
        if Owner::after_root().is_some() {
            // needs a right that only root has; without it nothing gets in under "no new privileges" either
            let _ = caps::clear(None, CapSet::Bounding);
            let become_it = |owner: Owner| owner.become_it().map_err(|error| error.to_string());
            note("the user stays root, without capabilities", self.owner().and_then(become_it));
        }
        note("new privileges can still be had", prctl::set_no_new_privs().map_err(|error| error.to_string()));
        for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
            note("capabilities are kept", caps::clear(None, set).map_err(|error| error.to_string()));
        }
        note("files and TCP are not walled off", self.wall_off());
        missing
    }

    fn wall_off(&self) -> Result<(), String> {
        // later file rights take the terminal's ioctls
        let abi = ABI::V4;
        let write: BitFlags<AccessFs> = AccessFs::from_write(abi);
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let ports = self.connect_to.iter();
        let connect = ports.map(|port| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::ConnectTcp)));
        let status = || {
            Ruleset::default()
                .set_compatibility(CompatLevel::BestEffort)
                .handle_access(AccessFs::from_all(abi))?
                .handle_access(AccessNet::from_all(abi))?
                .create()?
                .add_rules(path_beneath_rules(&self.write_in, write))?
                .add_rules(path_beneath_rules(&self.read_in, read))?
                .add_rules(connect)?
                .restrict_self()
        };
        match status().map_err(|error| error.to_string())?.ruleset {
            RulesetStatus::FullyEnforced => Ok(()),
            RulesetStatus::PartiallyEnforced => Err("this kernel's Landlock has a part of it only".to_owned()),
            RulesetStatus::NotEnforced => Err("this kernel has no Landlock".to_owned()),
        }
    }
}
