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

    /// Whether a member of an archive is taken, by its path in the archive. `choosing` says that
    /// the archive was not chosen by its own name: else all that is not excluded is taken.
    pub(crate) fn take_member(&self, member: &[u8], choosing: bool) -> bool {
        let mut member = member;
        while let Some(rest) = member.strip_prefix(b"./").or(member.strip_prefix(b"/")) {
            member = rest;
        }
        let path = Path::new(OsStr::from_bytes(member));
        match choosing {
            true => self.take(path),
            false => !self.exclude.matches(path),
        }
    }

    /// Whether the file at `path` in its folder is taken.
    pub(super) fn take(&self, path: &Path) -> bool {
        let included = self.include.as_ref().is_none_or(|set| set.matches(path));
        included && !self.exclude.matches(path)
    }
}

impl Patterns {
    pub(crate) fn new(patterns: &[String]) -> Result<Self, globset::Error> {
        let mut names = GlobSetBuilder::new();
        let mut paths = GlobSetBuilder::new();
        for pattern in patterns {
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
