//! How the user's program is started: the program found, its words, its environment.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use gristmill_common::code::{is_inside, plain};
use gristmill_common::spec::{Exec, Program};

use super::call::Call;
use super::confine::{Cell, Confinement};
use super::host::Host;
use super::limits::Limits;
use super::python;
use super::search::{on_path, runs};
use super::shebang;
use crate::engine::prepared::SpecError;

/// In the words of a program, it stands for a file with the document.
const FILE: &str = "{}";

/// Variables that a program gets from the environment of this process.
const PASSED_ON: [&str; 9] = [
    "HOME",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "PYTHONPATH",
    "USER",
    "VIRTUAL_ENV",
];

/// Variables that make a program give the same results everywhere, and keep it to one core: there
/// is one program for each.
const FIXED: [(&str, &str); 13] = [
    ("GOMAXPROCS", "1"),
    ("LANG", "C"),
    ("LC_ALL", "C"),
    ("MKL_NUM_THREADS", "1"),
    ("NUMEXPR_NUM_THREADS", "1"),
    ("OMP_NUM_THREADS", "1"),
    ("OMP_THREAD_LIMIT", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONHASHSEED", "0"),
    ("PYTHONUTF8", "1"),
    ("RAYON_NUM_THREADS", "1"),
    ("TZ", "UTC"),
];

/// How one job's program is started.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) exec: Exec,
    words: Vec<String>,
    env: Vec<(Vec<u8>, Vec<u8>)>,
    /// It is a Python function, not a program with exit statuses of its own.
    is_python: bool,
    /// The words hold [`FILE`].
    pub(super) takes_file: bool,
    confinement: Option<Confinement>,
}

impl Recipe {
    /// Finds the program that maps for a job.
    ///
    /// # Errors
    /// When it is not here.
    pub(super) fn new(exec: &Exec, host: &Host) -> Result<Self, SpecError> {
        Self::of(&exec.program, exec, host)
    }

    /// Finds one of the programs of a job.
    ///
    /// # Errors
    /// When it is not here.
    pub(super) fn of(program: &Program, exec: &Exec, host: &Host) -> Result<Self, SpecError> {
        let words = match program {
            Program::Shell(line) => vec!["/bin/sh".into(), "-c".into(), line.clone()],
            Program::Command(words) | Program::Worker(words) => {
                let mut words = words.clone();
                let Some(first) = words.first_mut() else {
                    return Err(SpecError("exec: the command is empty".into()));
                };
                *first = find(first, host)?;
                words
            }
            Program::Code(code) => vec![
                python::interpreter(find("python3", host)?, host),
                String::new(),
                "--code".into(),
                code.clone(),
            ],
            Program::Python { module, function } => {
                vec![
                    python::interpreter(find("python3", host)?, host),
                    // The worker's file takes its place.
                    String::new(),
                    python::module(module, host)?,
                    function.clone(),
                ]
            }
        };
        Ok(Self {
            is_python: python::is_python(program),
            takes_file: matches!(program, Program::Command(_) | Program::Shell(_))
                && words.iter().any(|word| word.contains(FILE)),
            words,
            env: environment(exec),
            exec: exec.clone(),
            confinement: host.confinement.clone(),
        })
    }

    /// Whether the program succeeded that ended with this status. An exception ends the worker for
    /// Python with a status, too, and is none of the user's choice.
    pub(super) fn is_ok(&self, status: i32) -> bool {
        match self.is_python {
            true => status == 0,
            false => self.exec.is_ok(status),
        }
    }

    /// Says where the worker for Python is.
    pub(super) fn run_worker(&mut self, path: &Path) {
        self.words[1] = path.to_string_lossy().into_owned();
    }

    /// Says where the worker for Python is, for a program that reads lines of pairs.
    pub(super) fn run_reducer(&mut self, path: &Path) {
        self.run_worker(path);
        self.words.insert(2, "--reduce".into());
    }

    /// A start of the program in `folder`; `file` there is the document's, for programs that want
    /// one. It is named from there: many programs print the name, and the folder's is another each
    /// time.
    pub(super) fn call(
        &self,
        folder: &Path,
        file: Option<&str>,
        unit: &[(&str, Vec<u8>)],
        worker: bool,
    ) -> Call {
        let words = self.words.iter().map(|word| match file {
            Some(file) => {
                let parts: Vec<&[u8]> = word.split(FILE).map(str::as_bytes).collect();
                parts.join(file.as_bytes())
            }
            None => word.as_bytes().to_vec(),
        });
        let mut env = self.env.clone();
        let tmp = folder.as_os_str().as_bytes().to_vec();
        env.push((b"TMPDIR".to_vec(), tmp.clone()));
        env.push((b"PWD".to_vec(), tmp.clone()));
        let limits = Limits::of(&self.exec, worker);
        let cell = match &self.confinement {
            Some(confinement) => Some(Cell::new(confinement, folder, self.exec.net)),
            None => limits.are_some().then(Cell::open),
        };
        let cell = cell.map(|cell| cell.with_limits(limits));
        if self.confinement.is_some() {
            // Many programs keep caches there.
            env.retain(|(name, _)| name != b"HOME");
            env.push((b"HOME".to_vec(), tmp));
        }
        env.extend(
            unit.iter()
                .map(|(name, value)| (name.as_bytes().to_vec(), value.clone())),
        );
        // A name with a zero byte cannot be a variable's value.
        env.retain(|(_, value)| !value.contains(&0));
        Call {
            words: words.collect(),
            env,
            folder: folder.as_os_str().as_bytes().to_vec(),
            worker,
            timeout: (!worker).then(|| self.exec.timeout.saturating_mul(1000)),
            memory: self.exec.memory,
            cell,
        }
    }
}

/// What a program gets of this process's environment.
pub(super) fn passed_on() -> impl Iterator<Item = (&'static str, OsString)> {
    let value = |name: &'static str| {
        let value = std::env::var_os(name)?;
        // It starts in another folder. A list that is empty names none.
        let is_list = name.ends_with("PATH") && !value.is_empty();
        let absolute = is_list.then(|| absolute(&value)).flatten();
        Some((name, absolute.unwrap_or(value)))
    };
    PASSED_ON.into_iter().filter_map(value)
}

/// A list of folders with its relative ones made absolute; an empty name in it is the current
/// folder.
fn absolute(list: &OsStr) -> Option<OsString> {
    let here = std::env::current_dir().ok()?;
    std::env::join_paths(std::env::split_paths(list).map(|folder| here.join(folder))).ok()
}

fn environment(exec: &Exec) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let passed = passed_on().map(|(name, value)| (name.as_bytes().to_vec(), value.into_vec()));
    let mut all: Vec<_> = passed.collect();
    all.extend(FIXED.iter().map(|(name, value)| pair(name, value)));
    all.extend(exec.env.iter().map(|(name, value)| pair(name, value)));
    all
}

/// The absolute path of a program.
fn find(program: &str, host: &Host) -> Result<String, SpecError> {
    let found = if let Some(path) = host.programs_at.get(program) {
        runs(path).then(|| path.clone())
    } else if program.contains('/') {
        inside(program, host)?;
        let path = host.folder.join(program);
        if path.is_file() && !runs(&path) {
            return Err(SpecError(format!(
                "exec: {program} is not executable: chmod +x it, or put its interpreter before it"
            )));
        }
        runs(&path).then_some(path)
    } else {
        // No name of a job's may come to mean a file of the job.
        on_path(program, (!host.from_elsewhere).then_some(&*host.folder))
    };
    let here = (!host.from_elsewhere).then_some(&*host.folder);
    if let Some(fault) = found.as_deref().and_then(|path| shebang::fault(path, here)) {
        return Err(SpecError(format!("exec: {program}: {fault}")));
    }
    let text = found.and_then(|path| path.into_os_string().into_string().ok());
    text.ok_or_else(|| {
        SpecError(match program.contains('/') {
            true => format!("exec: there is no program {program}"),
            false => format!(
                "exec: there is no program {program} on the PATH: install it, or give its path"
            ),
        })
    })
}

/// Refuses a relative path out of the folder with a job's program.
///
/// # Errors
/// When it is one.
pub(super) fn inside(named: &str, host: &Host) -> Result<(), SpecError> {
    let path = Path::new(named);
    match host.from_elsewhere && path.is_relative() && !is_inside(&plain(path)) {
        true => Err(SpecError(format!(
            "exec: {named}: a path of another machine; below the folder where the command is typed, \
             without `..`, a file is sent along"
        ))),
        false => Ok(()),
    }
}
