//! A small bash process that outlives the test binary just long enough to kill what it started and
//! to remove its folder, however the test binary ended. It must not know what a broker is.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use parking_lot::Mutex;

use crate::NodeError;

/// Reads `kind pid` lines; at the end of its input (the test binary's end closes the pipe) it kills
/// the last process group of each kind and removes the folder.
const SCRIPT: &str = r#"
node= epmd=
while read -r kind pid; do
    case $kind in
        node) node=$pid ;;
        epmd) epmd=$pid ;;
    esac
done
[ -z "$node" ] || kill -9 -- "-$node"
[ -z "$epmd" ] || kill -9 -- "-$epmd"
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
"#;

#[derive(Debug)]
pub(crate) struct Watchdog {
    child: Child,
    pipe: Mutex<Option<ChildStdin>>,
}

impl Watchdog {
    pub(crate) fn start(folder: &Path) -> Result<Self, NodeError> {
        let mut child = Command::new("bash")
            .args(["-c", SCRIPT, "watchdog"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C at the terminal must reach the tests, not their watchdog.
            .process_group(0)
            .spawn()
            .map_err(NodeError::io("starting the watchdog"))?;
        let pipe = Mutex::new(child.stdin.take());
        Ok(Self { child, pipe })
    }

    /// Names the process group that must not outlive the tests; `None` when it has ended.
    pub(crate) fn guard(&self, kind: &str, group: Option<u32>) -> Result<(), NodeError> {
        let group = group.map_or_else(String::new, |group| group.to_string());
        let mut pipe = self.pipe.lock();
        match pipe.as_mut() {
            Some(pipe) => {
                writeln!(pipe, "{kind} {group}").map_err(NodeError::io("telling the watchdog"))
            }
            None => Ok(()),
        }
    }

    /// Lets it clean up now, and waits for it.
    pub(crate) fn finish(&mut self) {
        drop(self.pipe.lock().take());
        let _ = self.child.wait();
    }
}
