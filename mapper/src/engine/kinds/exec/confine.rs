//! Confinement of a program that came from elsewhere: it reads what this user may read but for the
//! secrets, writes to its own folder only, has no network unless it was granted, and reaches no
//! other process.
//!
//! The process confines itself (Landlock, seccomp) and then becomes the program, so that no
//! privilege and no code between `fork` and `exec` is needed. It must not know what the program
//! does.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use serde::{Deserialize, Serialize};

use super::forbidden::restrict_calls;
use super::limits::Limits;

/// The word that makes the binary become a confined program. It is no subcommand: what the
/// environment of the program says to `gristmill` must not matter.
pub const CONFINED: &str = "exec-confined";

/// What is asked of the kernel. What an older one does not know of it is left out; without any of
/// it nothing is confined.
const KNOWN: ABI = ABI::V6;
/// The devices that programs write to.
const DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// How a program is confined.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Confinement {
    /// Files that it may not read.
    pub secrets: Vec<PathBuf>,
}

/// What one process is confined to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Cell {
    /// The folder that it may write to.
    pub(super) folder: Vec<u8>,
    pub(super) secrets: Vec<Vec<u8>>,
    pub(super) net: bool,
    /// It only has limits.
    open: bool,
    limits: Limits,
    /// So many words are variables of its environment: this process must not have them, because the
    /// dynamic linker does what some say.
    variables: usize,
}

/// Confines this process and makes it the program that the words behind the first name; the first
/// says to what it is confined. Without a program it returns when it is confined, to show that it
/// can be.
///
/// # Errors
/// When the process cannot be confined, or the program not be started: then it must end, by a
/// signal, as no exit status may pass for the program's.
pub fn confined(mut words: impl Iterator<Item = OsString>) -> io::Result<Option<Infallible>> {
    let cell = words.next().unwrap_or_default();
    let cell: Cell = serde_json::from_slice(cell.as_encoded_bytes())?;
    if !cell.open {
        restrict_files(&cell)?;
        restrict_calls(cell.net)?;
        // Those of a mapper that runs as root, some of which reach around what is forbidden above.
        let none = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, none)?;
    }
    let variables: Vec<OsString> = words.by_ref().take(cell.variables).collect();
    let variables = variables.iter().filter_map(|variable| {
        let bytes = variable.as_encoded_bytes();
        let at = memchr::memchr(b'=', bytes)?;
        let part = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        Some((part(&bytes[..at]), part(&bytes[at + 1..])))
    });
    match words.next() {
        None => Ok(None),
        Some(program) => {
            let mut command = Command::new(&program);
            command.args(words).env_clear().envs(variables);
            // Last, since they hold for this process, too.
            cell.limits.set()?;
            let error = command.exec();
            let program = program.display();
            Err(io::Error::other(format!("{program}: {error}")))
        }
    }
}

/// Keeps what is in this process' memory and environment from other processes of this user.
///
/// # Errors
/// When the kernel refuses.
pub fn keep_private() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Whether programs can be confined on this machine, shown by confining a process of `gristmill`.
///
/// # Errors
/// When they cannot: why, in words.
pub fn can_confine(gristmill: &Path, tmp: &Path) -> Result<(), String> {
    let cell = Cell::new(&Confinement::default(), tmp, false);
    let mut command = Command::new(gristmill);
    command.arg(CONFINED).arg(cell.word()).env_clear();
    let tried = command.output().map_err(|error| error.to_string())?;
    match tried.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&tried.stderr).trim().to_owned()),
    }
}

impl Cell {
    /// The cell of a program with a folder.
    pub(super) fn new(confinement: &Confinement, folder: &Path, net: bool) -> Self {
        let bytes = |path: &Path| path.as_os_str().as_encoded_bytes().to_vec();
        Self {
            folder: bytes(folder),
            secrets: (confinement.secrets.iter())
                .map(|path| bytes(path))
                .collect(),
            net,
            open: false,
            limits: Limits::default(),
            variables: 0,
        }
    }

    /// Of a program that is not confined.
    pub(super) fn open() -> Self {
        Self {
            open: true,
            ..Self::new(&Confinement::default(), Path::new(""), true)
        }
    }

    /// With limits for each of the program's processes.
    pub(super) fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// As a word of a command line.
    pub(super) fn word(&self) -> OsString {
        // Bytes and a truth value only: this cannot fail.
        let json = serde_json::to_vec(self).unwrap_or_default();
        OsString::from_vec(json)
    }
}

fn restrict_files(cell: &Cell) -> io::Result<()> {
    let failed = |error: &dyn std::fmt::Display| io::Error::other(format!("Landlock: {error}"));
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(KNOWN)))
        .and_then(Ruleset::create);
    let mut ruleset = ruleset.map_err(|error| failed(&error))?;
    let secrets = cell.secrets.iter().map(|path| path_of(path));
    // A secret that is not there cannot be read; one that comes later is not among the rules.
    let secrets: Vec<PathBuf> = secrets
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    let mut readable = Vec::new();
    around(Path::new("/"), &secrets, &mut readable);
    let mut granted: Vec<(PathBuf, BitFlags<AccessFs>)> = vec![
        // What is where is no secret.
        ("/".into(), AccessFs::ReadDir.into()),
        (path_of(&cell.folder), AccessFs::from_all(KNOWN)),
    ];
    let read = |path| (path, AccessFs::from_read(KNOWN));
    granted.extend(readable.into_iter().map(read));
    let devices = DEVICES.map(|device| (device.into(), AccessFs::from_file(KNOWN)));
    granted.extend(devices);
    for (path, access) in granted {
        ruleset = grant(ruleset, &path, access)?;
    }
    let status = ruleset.restrict_self().map_err(|error| failed(&error))?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(failed(&"this kernel does not have it, or it is off")),
        _ => Ok(()),
    }
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// Permits access to a path and all below it. What cannot be opened needs no permission.
fn grant(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    let Ok(fd) = PathFd::new(path) else {
        return Ok(ruleset);
    };
    let access = match path.is_dir() {
        true => access,
        false => access & AccessFs::from_file(KNOWN),
    };
    let ruleset = ruleset.add_rule(PathBeneath::new(fd, access));
    ruleset.map_err(|error| io::Error::other(format!("Landlock: {}: {error}", path.display())))
}

/// Everything in a folder but the secrets: the folder itself if it holds none. Links are left out,
/// because a permission would be one for where they lead, which has its own.
fn around(folder: &Path, secrets: &[PathBuf], found: &mut Vec<PathBuf>) {
    if !secrets.iter().any(|secret| secret.starts_with(folder)) {
        found.push(folder.to_owned());
        return;
    }
    // What cannot be listed cannot be granted; neither can a secret.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if !is_link && !secrets.contains(&path) {
            around(&path, secrets, found);
        }
    }
}

/// The words behind the name of this binary that start a program in a cell.
pub(super) fn words(
    cell: &Cell,
    env: impl Iterator<Item = (OsString, OsString)>,
    program: impl Iterator<Item = OsString>,
) -> Vec<OsString> {
    let variables = env.map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    });
    let variables: Vec<OsString> = variables.collect();
    let cell = Cell {
        variables: variables.len(),
        ..cell.clone()
    };
    let mut all = vec![CONFINED.into(), cell.word()];
    all.extend(variables);
    all.extend(program);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_secrets_is_readable_and_no_link_leads_to_them() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        // As Kubernetes mounts a secret.
        fs::create_dir_all(at("run/secrets/..2026")).unwrap();
        fs::create_dir_all(at("usr/lib")).unwrap();
        for file in [
            "run/secrets/..2026/url",
            "run/secrets/..2026/ca",
            "run/pid",
            "usr/lib/a",
        ] {
            fs::write(at(file), "").unwrap();
        }
        std::os::unix::fs::symlink("..2026", at("run/secrets/..data")).unwrap();
        std::os::unix::fs::symlink("..data/url", at("run/secrets/url")).unwrap();
        let secret = at("run/secrets/url").canonicalize().unwrap();
        let mut found = Vec::new();
        around(&root, &[secret], &mut found);
        found.sort();
        let expected = ["run/pid", "run/secrets/..2026/ca", "usr"].map(at);
        assert_eq!(found, expected);
        let mut all = Vec::new();
        around(&root, &[], &mut all);
        assert_eq!(all, std::slice::from_ref(&root));
    }

    #[test]
    fn words_say_how_many_of_them_are_variables() {
        let cell = Cell::new(&Confinement::default(), Path::new("/room"), true);
        let env = [("A".into(), "1=2".into()), ("B".into(), "".into())];
        let words = words(
            &cell,
            env.into_iter(),
            ["cat".into(), "-".into()].into_iter(),
        );
        assert_eq!(words[0], CONFINED);
        let cell: Cell = serde_json::from_slice(words[1].as_encoded_bytes()).unwrap();
        assert_eq!((cell.variables, cell.net), (2, true));
        assert_eq!(words[2..], ["A=1=2", "B=", "cat", "-"]);
    }
}
