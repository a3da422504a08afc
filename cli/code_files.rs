//! The files that the user's program consists of: those that its words name, those that are
//! shipped, and the modules that a Python file imports from its own folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gristmill_common::code::{CodeFile, plain};
use gristmill_common::sha256::Sha256;

use crate::exit::usage;

/// A program of more files is a mistake.
const MOST: usize = 10_000;

/// Finds the files of a program, by name: `named` are those of its words that are files, and those
/// that are shipped; `modules` are Python modules below the current folder, by their dotted names.
///
/// # Errors
/// A usage error when one cannot be read.
pub fn find<'a>(
    named: impl Iterator<Item = &'a str>,
    modules: &[&str],
) -> anyhow::Result<Vec<CodeFile>> {
    let mut files = BTreeMap::new();
    let mut waiting: Vec<PathBuf> = named.map(|name| plain(Path::new(name))).collect();
    // Modules are looked for beside the file that was named, wherever they are imported.
    let mut roots: BTreeMap<PathBuf, PathBuf> = waiting
        .iter()
        .map(|path| (path.clone(), folder_of(path)))
        .collect();
    for module in modules {
        let first = module.split('.').next().unwrap_or_default();
        for found in files_of(Path::new(first)) {
            roots.insert(found.clone(), PathBuf::new());
            waiting.push(found);
        }
    }
    while let Some(path) = waiting.pop() {
        let Some(name) = path.to_str() else {
            let path = path.display();
            return Err(usage(format!("exec: {path}: its path is not UTF-8")));
        };
        if files.contains_key(name) {
            continue;
        }
        if files.len() >= MOST {
            return Err(usage(format!(
                "exec: the program has more than {MOST} files"
            )));
        }
        let file = read(name).map_err(|error| {
            let is_folder = name.is_empty() || error.kind() == ErrorKind::IsADirectory;
            let name = if name.is_empty() { "." } else { name };
            usage(match is_folder {
                true => format!(
                    "exec: {name}: a folder; name its files, each by --ship (a Python package that is \
                     imported is found by itself)"
                ),
                false => format!("exec: {name}: {error}"),
            })
        })?;
        files.insert(name.to_owned(), file);
        if path.extension().is_some_and(|extension| extension == "py") {
            let root = roots.get(&path).cloned().unwrap_or_default();
            let text = fs::read(&path).unwrap_or_default();
            for module in imports(&String::from_utf8_lossy(&text)) {
                for found in files_of(&root.join(module)) {
                    roots.insert(found.clone(), root.clone());
                    waiting.push(found);
                }
            }
        }
    }
    Ok(files.into_values().collect())
}

fn read(name: &str) -> std::io::Result<CodeFile> {
    let file = File::open(name)?;
    let executable = file.metadata()?.permissions().mode() & 0o111 != 0;
    let (sha256, bytes) = Sha256::of_reader(file)?;
    Ok(CodeFile {
        name: name.to_owned(),
        bytes,
        executable,
        sha256,
    })
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The first parts of the names of modules that a Python text imports.
fn imports(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for statement in text.lines().flat_map(|line| line.split(';')) {
        let mut words = statement.split_whitespace();
        match words.next() {
            Some("import") => {
                let rest = statement.trim_start().trim_start_matches("import");
                let names = rest
                    .split(',')
                    .filter_map(|one| one.split_whitespace().next());
                found.extend(names);
            }
            Some("from") => found.extend(words.next()),
            _ => {}
        }
    }
    let first = |name: &&str| name.split('.').next().unwrap_or_default().len();
    let plain = |name: &&str| {
        let letter = |c: char| c.is_alphanumeric() || c == '_';
        !name.is_empty() && name.chars().all(letter)
    };
    let names = found.into_iter().map(|name| &name[..first(&name)]);
    names.filter(plain).collect()
}

/// The files of a local module: one file, or all of a package's folder. None if it is not local.
fn files_of(module: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let file = module.with_extension("py");
    if file.is_file() {
        found.push(file);
    }
    let mut folders = vec![module.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name == "__pycache__" || name.starts_with('.') || found.len() > MOST {
                continue;
            }
            if path.is_file() {
                found.push(path);
            } else if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_are_imported_are_found() {
        let text = "import os, a.b as c\nfrom d.e import f\n  import g; import h\nfrom . import i\n\
                    from .j import k\n# import l\nimportant = 1\nx = 'import m'\n";
        assert_eq!(imports(text), ["os", "a", "d", "g", "h"]);
    }

    #[test]
    fn modules_beside_a_python_file_belong_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("package/inner/__pycache__")).unwrap();
        for (name, text) in [
            ("tag.py", "import helper, json\n"),
            ("helper.py", "from package.inner import x\n"),
            ("other.py", ""),
            ("package/__init__.py", "import deep\n"),
            ("package/inner/x.py", ""),
            ("package/data.json", "{}"),
            ("package/inner/__pycache__/x.pyc", ""),
            ("deep.py", ""),
        ] {
            fs::write(at(name), text).unwrap();
        }
        let named = at("tag.py");
        let found = find([named.to_str().unwrap()].into_iter(), &[]).unwrap();
        let names: Vec<&str> = (found.iter())
            .map(|file| &file.name[folder.path().as_os_str().len() + 1..])
            .collect();
        let expected = [
            "deep.py",
            "helper.py",
            "package/__init__.py",
            "package/data.json",
            "package/inner/x.py",
            "tag.py",
        ];
        assert_eq!(names, expected);
    }
}
