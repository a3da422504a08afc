//! Programs of this machine that every job may have run: by their bare names, with arguments, and
//! nothing else. It must not know who asks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gristmill_common::spec::{Exec, Program};

use super::interpreters::is_interpreter;
use crate::engine::kinds::exec::search::on_path;

/// Programs by name, each with its path: what was looked at when the list was read is what runs.
/// Those that are not here have none.
#[derive(Clone, Debug, Default)]
pub struct AllowedPrograms(BTreeMap<String, Option<PathBuf>>);

/// Variables that an allowed program may be given.
const VARIABLES: [&str; 2] = ["LANG", "TZ"];
/// And those whose names begin so.
const PREFIXES: [&str; 2] = ["OMP_", "GRISTMILL_"];

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
            let found = path.or_else(|| on_path(name, None));
            let real = found.as_ref().and_then(|path| path.canonicalize().ok());
            let names = [Some(Path::new(name)), found.as_deref(), real.as_deref()];
            for known in names.into_iter().flatten().filter_map(Path::file_name) {
                if is_interpreter(&known.to_string_lossy()) {
                    return Err(format!(
                        "{item}: {} runs whatever it is told to; --exec signed is for that",
                        known.display()
                    ));
                }
            }
            allowed.insert(name.to_owned(), found);
        }
        Ok(Self(allowed))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a job runs some of them and nothing else.
    ///
    /// # Errors
    /// When it does not: why.
    pub(super) fn fits(&self, exec: &Exec) -> Result<(), String> {
        for program in exec.programs() {
            let Program::Command(words) = program else {
                return Err("--exec-allow is for commands".into());
            };
            let program = words.first().map_or("", String::as_str);
            match self.0.get(program) {
                Some(Some(_)) => {}
                Some(None) => {
                    return Err(format!(
                        "there was no program {program} on the PATH when --exec-allow was read"
                    ));
                }
                None => return Err(format!("--exec-allow does not list {program}")),
            }
        }
        if exec.net {
            return Err("--exec-allow permits no --net".into());
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

    /// Where they are.
    pub(super) fn places(&self) -> BTreeMap<String, PathBuf> {
        let places = self.0.iter();
        places
            .filter_map(|(name, path)| Some((name.clone(), path.clone()?)))
            .collect()
    }
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
        let places = parsed("cat,words=/usr/bin/wc,nowhere").unwrap().places();
        assert_eq!(places.len(), 2);
        assert!(places["cat"].is_absolute() && places["words"] == Path::new("/usr/bin/wc"));
    }
}
