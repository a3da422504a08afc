//! Which jobs may run their own programs on this mapper: whoever may publish can submit one, so by
//! default none may. It must not know how programs are run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gristmill_common::job::JobName;
use gristmill_common::spec::{Exec, Kind, Program};
use gristmill_jobs::registry::{Keyring, Statement, Submission};

/// Whose programs are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecGate {
    /// Nobody's.
    #[default]
    Off,
    /// Those that a known key has signed.
    Signed,
    /// Everybody's who may publish.
    Any,
}

/// Which jobs may run programs.
#[derive(Clone, Debug, Default)]
pub struct ExecPolicy {
    /// Whose programs are run.
    pub gate: ExecGate,
    /// The keys that count for [`ExecGate::Signed`].
    pub keys: Keyring,
    /// Programs of this machine that everybody may have run, whatever the gate.
    pub allowed: AllowedPrograms,
}

/// Programs of this machine by name, each with its path unless it is looked for on the `PATH`.
#[derive(Clone, Debug, Default)]
pub struct AllowedPrograms(BTreeMap<String, Option<PathBuf>>);

/// What a job may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    /// What its spec says.
    All,
    /// One of the allowed programs, which are at these places.
    Allowed(BTreeMap<String, PathBuf>),
}

/// Variables that an allowed program may be given.
const VARIABLES: [&str; 2] = ["LANG", "TZ"];
/// And those whose names begin so.
const PREFIXES: [&str; 2] = ["OMP_", "GRISTMILL_"];

/// Programs that run whatever their arguments or their input say.
const INTERPRETERS: &[&str] = &[
    "ash",
    "awk",
    "bash",
    "bun",
    "busybox",
    "cmake",
    "csh",
    "cscript",
    "dash",
    "deno",
    "doas",
    "ed",
    "elixir",
    "emacs",
    "env",
    "erl",
    "escript",
    "ex",
    "exec",
    "expect",
    "find",
    "fish",
    "flock",
    "gawk",
    "gdb",
    "git",
    "gnuplot",
    "guile",
    "ghci",
    "irb",
    "java",
    "julia",
    "ksh",
    "ld.so",
    "lua",
    "luajit",
    "m4",
    "make",
    "mawk",
    "mksh",
    "nawk",
    "nice",
    "ninja",
    "node",
    "nodejs",
    "nohup",
    "nsenter",
    "octave",
    "parallel",
    "perl",
    "php",
    "pkexec",
    "pwsh",
    "pypy",
    "python",
    "R",
    "racket",
    "rc",
    "rksh",
    "rlwrap",
    "Rscript",
    "rsync",
    "ruby",
    "rview",
    "runghc",
    "sbcl",
    "scala",
    "script",
    "sed",
    "setarch",
    "setpriv",
    "setsid",
    "sh",
    "socat",
    "sqlite",
    "ssh",
    "stdbuf",
    "strace",
    "su",
    "sudo",
    "swift",
    "systemd-run",
    "tar",
    "taskset",
    "tclsh",
    "tcsh",
    "time",
    "timeout",
    "toybox",
    "tsc",
    "unshare",
    "vi",
    "view",
    "vim",
    "watch",
    "wish",
    "xargs",
    "yash",
    "zsh",
];

impl AllowedPrograms {
    /// The programs of a list such as `tesseract,ocr=/opt/ocr/bin/ocr`.
    ///
    /// # Errors
    /// When one is no bare name, or runs whatever it is told to.
    pub fn parse<'a>(list: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut allowed = BTreeMap::new();
        for item in list {
            let (name, path) = match item.split_once('=') {
                Some((name, path)) => (name, Some(PathBuf::from(path))),
                None => (item, None),
            };
            if name.is_empty() || name.contains('/') {
                return Err(format!("{item}: a bare name, or NAME=/absolute/path"));
            }
            if let Some(path) = path.as_ref().filter(|path| !path.is_absolute()) {
                return Err(format!("{item}: {} is no absolute path", path.display()));
            }
            let found = path.clone().or_else(|| on_path(name));
            let real = found.and_then(|path| path.canonicalize().ok());
            let names = [Some(Path::new(name)), path.as_deref(), real.as_deref()];
            for known in names.into_iter().flatten().filter_map(Path::file_name) {
                if is_interpreter(&known.to_string_lossy()) {
                    return Err(format!(
                        "{item}: {} runs whatever it is told to; --exec signed is for that",
                        known.display()
                    ));
                }
            }
            allowed.insert(name.to_owned(), path);
        }
        Ok(Self(allowed))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a job runs one of them and nothing else.
    fn fits(&self, exec: &Exec) -> Result<(), String> {
        let Program::Command(words) = &exec.program else {
            return Err("--exec-allow is for commands".into());
        };
        let program = words.first().map_or("", String::as_str);
        if !self.0.contains_key(program) {
            return Err(format!("--exec-allow does not list {program}"));
        }
        if let Some(file) = exec.files.first() {
            let name = &file.name;
            return Err(format!("--exec-allow runs no program with files: {name}"));
        }
        let may = |name: &&String| {
            VARIABLES.contains(&name.as_str())
                || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        };
        match exec.env.keys().find(|name| !may(name)) {
            Some(name) => Err(format!("--exec-allow permits no --env {name}")),
            None => Ok(()),
        }
    }

    fn places(&self) -> BTreeMap<String, PathBuf> {
        let places = self.0.iter();
        places
            .filter_map(|(name, path)| Some((name.clone(), path.clone()?)))
            .collect()
    }
}

impl ExecPolicy {
    /// What a job may run here.
    ///
    /// # Errors
    /// When it may not run its program: why, in words.
    pub(crate) fn permit(
        &self,
        job: &JobName,
        submission: &Submission,
    ) -> Result<Permission, String> {
        let Kind::Exec(exec) = &submission.spec.kind else {
            return Ok(Permission::All);
        };
        let code = submission.code.as_ref();
        let refused = match self.gate {
            ExecGate::Any => return Ok(Permission::All),
            ExecGate::Off => "exec is off (`map --exec`)".to_owned(),
            ExecGate::Signed => {
                let statement = Statement {
                    job,
                    run: submission.run,
                    spec: &submission.spec,
                    bundle: code.and_then(|code| code.bundle),
                };
                let signature = code.and_then(|code| code.signature.as_ref());
                match self.keys.check(&statement, signature) {
                    Ok(()) => return Ok(Permission::All),
                    Err(unsigned) => unsigned.to_string(),
                }
            }
        };
        if self.allowed.is_empty() {
            return Err(refused);
        }
        match self.allowed.fits(exec) {
            Ok(()) => Ok(Permission::Allowed(self.allowed.places())),
            Err(why) => Err(format!("{refused}, and {why}")),
        }
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Whether a program of this name is an interpreter: versions (`python3.11`, `lua5.4`) do not
/// matter.
fn is_interpreter(name: &str) -> bool {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    INTERPRETERS.contains(&name) || INTERPRETERS.contains(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(list: &str) -> Result<AllowedPrograms, String> {
        AllowedPrograms::parse(list.split(','))
    }

    #[test]
    fn interpreters_and_paths_are_refused_whatever_they_are_called() {
        let folder = tempfile::tempdir().unwrap();
        let disguised = folder.path().join("ocr");
        std::os::unix::fs::symlink("/bin/sh", &disguised).unwrap();
        let disguised = format!("ocr={}", disguised.display());
        for list in [
            "sh",
            "python3",
            "python3.11",
            "perl",
            "tesseract,awk",
            "bin/tesseract",
            "/usr/bin/tesseract",
            "x=bin/x",
            "x=/bin/bash",
            "=/bin/cat",
            "",
            &disguised,
        ] {
            assert!(parsed(list).is_err(), "{list}");
        }
        let allowed = parsed("cat,words=/usr/bin/wc").unwrap();
        let places = BTreeMap::from([("words".to_owned(), PathBuf::from("/usr/bin/wc"))]);
        assert_eq!(allowed.places(), places);
    }
}
