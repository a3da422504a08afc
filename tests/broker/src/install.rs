//! Where a RabbitMQ installation is. It must not start anything.

use std::path::{Path, PathBuf};

use crate::NodeError;

/// Names the folder of an unpacked RabbitMQ distribution (the one that holds `sbin/`); without it
/// the package's installation is used.
pub const HOME_VARIABLE: &str = "GRISTMILL_RABBITMQ_HOME";

/// Where distributions' packages put RabbitMQ: a folder per version below.
const PACKAGE: &str = "/usr/lib/rabbitmq/lib";

/// The programs of one installation.
#[derive(Clone, Debug)]
pub(crate) struct Install {
    /// `sbin/rabbitmq-server` itself: a package's wrapper on the PATH insists on its own user.
    pub(crate) server: PathBuf,
    /// Erlang's port mapper.
    pub(crate) epmd: PathBuf,
}

impl Install {
    pub(crate) fn find() -> Result<Self, NodeError> {
        let home = match std::env::var_os(HOME_VARIABLE) {
            Some(home) => PathBuf::from(home),
            None => newest(Path::new(PACKAGE))
                .ok_or_else(|| NodeError::Missing(format!("nothing in {PACKAGE}")))?,
        };
        let server = home.join("sbin/rabbitmq-server");
        if !server.is_file() {
            return Err(NodeError::Missing(format!(
                "{} is not there",
                server.display()
            )));
        }
        Ok(Self {
            server,
            epmd: epmd(&home)?,
        })
    }
}

fn newest(folder: &Path) -> Option<PathBuf> {
    let mut homes: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("sbin/rabbitmq-server").is_file())
        .collect();
    homes.sort();
    homes.pop()
}

/// An installation that brings its own Erlang has it beside the server.
fn epmd(home: &Path) -> Result<PathBuf, NodeError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(home.join("sbin"))
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("epmd"))
        .find(|file| file.is_file())
        .ok_or_else(|| NodeError::Missing("`epmd` of Erlang is not on the PATH".into()))
}
