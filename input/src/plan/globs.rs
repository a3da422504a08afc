//! Which files of a folder and which members of an archive are taken: `--include` and `--exclude`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// The globs of a job.
#[derive(Clone, Debug)]
pub(crate) struct Globs {
    include: Option<Patterns>,
    exclude: Patterns,
}

/// What is taken of a file or member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// The file, or all members of an archive.
    All,
    /// Nothing but members of an archive, by their own paths.
    Members,
    /// Nothing.
    Nothing,
}

/// A pattern without a slash is for the file's name, one with a slash for its path in the folder or
/// archive.
#[derive(Clone, Debug)]
pub(crate) struct Patterns {
    names: GlobSet,
    paths: GlobSet,
}

impl Globs {
    /// Compiles the globs.
    ///
    /// # Errors
    /// When one is malformed.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self, globset::Error> {
        Ok(Self {
            include: (!include.is_empty())
                .then(|| Patterns::new(include))
                .transpose()?,
            exclude: Patterns::new(exclude)?,
        })
    }

    /// Whether there are globs of which a file must match one.
    pub(super) fn choose(&self) -> bool {
        self.include.is_some()
    }

    /// What is taken of a member of an archive, by its path in the archive. `choosing` says that
    /// the archive was not chosen by its own name: else all that is not excluded is taken.
    pub(crate) fn take_member(&self, member: &[u8], choosing: bool) -> Take {
        let mut member = member;
        while let Some(rest) = member.strip_prefix(b"./").or(member.strip_prefix(b"/")) {
            member = rest;
        }
        let path = Path::new(OsStr::from_bytes(member));
        match choosing {
            false if self.excludes(path) => Take::Nothing,
            false => Take::All,
            true => self.take(path),
        }
    }

    /// What is taken of the file at `path` in its folder.
    pub(super) fn take(&self, path: &Path) -> Take {
        match &self.include {
            _ if self.excludes(path) => Take::Nothing,
            Some(include) if !include.matches(path) => Take::Members,
            _ => Take::All,
        }
    }

    /// Whether the file or folder at `path` is excluded, or a folder that it is in.
    pub(super) fn excludes(&self, path: &Path) -> bool {
        let empty = self.exclude.names.is_empty() && self.exclude.paths.is_empty();
        !empty && path.ancestors().any(|path| self.exclude.matches(path))
    }
}

impl Patterns {
    pub(crate) fn new(patterns: &[String]) -> Result<Self, globset::Error> {
        let mut names = GlobSetBuilder::new();
        let mut paths = GlobSetBuilder::new();
        for pattern in patterns {
            // As a shell completes the name of a folder.
            let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
            let set = if pattern.contains('/') {
                &mut paths
            } else {
                &mut names
            };
            let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
            let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
            set.add(GlobBuilder::new(pattern).literal_separator(true).build()?);
        }
        Ok(Self {
            names: names.build()?,
            paths: paths.build()?,
        })
    }

    /// Whether a path matches one of them.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        self.paths.is_match(path)
            || path
                .file_name()
                .is_some_and(|name| self.names.is_match(Path::new(name)))
    }
}
