//! How much memory a process may use here: what was asked for, or what its container leaves it. It
//! must not know what the memory is for.

use std::fs;
use std::path::{Path, PathBuf};

use gristmill_common::size::ByteSize;

use crate::exit::usage;

/// Less reduce state than this and next to nothing fits.
const LEAST: u64 = 16 << 20;

/// `--memory`: as [`budget`], and what is too little is refused.
///
/// # Errors
/// A usage error.
pub fn reduce_budget(typed: Option<ByteSize>, usual: ByteSize) -> anyhow::Result<u64> {
    match typed {
        Some(typed) if typed.0 < LEAST => Err(usage(format!("--memory {typed}: at least 16MiB"))),
        typed => Ok(budget(typed, usual).max(LEAST)),
    }
}

/// `typed`, or `usual`, but of a container's limit no more than its half: the rest is for what no
/// budget counts.
#[must_use]
pub fn budget(typed: Option<ByteSize>, usual: ByteSize) -> u64 {
    if let Some(typed) = typed {
        return typed.0;
    }
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = limit(Path::new("/sys/fs/cgroup"), &groups);
    limit.map_or(usual.0, |limit| usual.0.min(limit / 2))
}

/// The least limit of the control groups that a process is in (`cgroups(7)`: `memory.max` of
/// version 2, `memory.limit_in_bytes` of version 1), in bytes; `None` when there is none. `groups`
/// is its `/proc/self/cgroup`.
fn limit(root: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next()?, fields.next()?);
        let (root, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes")
            }
            _ => return None,
        };
        least(&root, group, file)
    });
    limits.min()
}

/// The least limit in a group and those above it. In a container the path may be the host's, and
/// what is mounted its own group alone: the folders that are not there are passed over.
fn least(root: &Path, group: &str, file: &str) -> Option<u64> {
    let group: PathBuf = root.join(group.trim_start_matches('/'));
    let groups = group.ancestors().take_while(|path| path.starts_with(root));
    groups
        .filter_map(|path| fs::read_to_string(path.join(file)).ok())
        // "max" is no limit.
        .filter_map(|text| text.trim().parse().ok())
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn the_least_limit_of_all_groups_counts() {
        let root = tree(&[
            ("pods/memory.max", "1000\n"),
            ("pods/mine/memory.max", "max\n"),
            ("other/memory.max", "5\n"),
        ]);
        assert_eq!(limit(root.path(), "0::/pods/mine\n"), Some(1000));
        assert_eq!(limit(root.path(), "0::/\n"), None);
        assert_eq!(limit(root.path(), ""), None);
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        let root = tree(&[("memory.max", "4096\n")]);
        assert_eq!(limit(root.path(), "0::/\n"), Some(4096));
        assert_eq!(limit(root.path(), "0::/docker/0123\n"), Some(4096));
    }

    #[test]
    fn version_1_has_a_tree_of_its_own() {
        let root = tree(&[
            ("memory/docker/memory.limit_in_bytes", "300\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        let groups = "11:cpu,cpuacct:/docker\n7:memory:/docker\n0::/docker\n";
        assert_eq!(limit(root.path(), groups), Some(300));
    }

    #[test]
    fn what_is_asked_for_is_taken() {
        let (typed, usual) = (ByteSize(7 << 40), ByteSize(1 << 20));
        assert_eq!(budget(Some(typed), usual), 7 << 40);
        assert!(budget(None, usual) <= 1 << 20);
    }
}
