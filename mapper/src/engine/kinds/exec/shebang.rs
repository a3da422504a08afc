//! The first line of a script, which names its interpreter: what the system says when that is not
//! there speaks of the script, or of nothing.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::search::on_path;

/// As much of the line as Linux reads.
const LINE: u64 = 256;

/// Why a script cannot be started, if its first line shows it. An interpreter that `env` looks for
/// is looked for in `folder` where the `PATH` has relative folders.
pub(super) fn fault(script: &Path, folder: Option<&Path>) -> Option<String> {
    let mut head = Vec::new();
    File::open(script)
        .ok()?
        .take(LINE)
        .read_to_end(&mut head)
        .ok()?;
    let head = String::from_utf8_lossy(&head);
    let line = head.strip_prefix("#!")?.split('\n').next()?;
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let interpreter = words.next()?;
    let is_env = Path::new(interpreter).file_name()? == "env";
    let last = words.clone().next_back().unwrap_or(interpreter);
    if last.ends_with('\r') && (is_env || last == interpreter) {
        return Some(
            "its lines end with CR LF, and so would its interpreter's name: save it with LF (dos2unix)"
                .into(),
        );
    }
    if Path::new(interpreter).is_absolute() && !Path::new(interpreter).exists() {
        return Some(format!("its interpreter {interpreter} is not there"));
    }
    let name = words.next().filter(|_| is_env)?;
    let is_name = !name.starts_with('-') && !name.contains(['=', '/']);
    (is_name && on_path(name, folder).is_none())
        .then(|| format!("its interpreter {name} is not on the PATH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_that_names_no_interpreter_is_told_from_one_that_does() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        let fault_of = |text: &str| {
            std::fs::write(&script, text).unwrap();
            fault(&script, None)
        };
        for well in [
            "#!/bin/sh\necho\n",
            "#! /bin/sh -e\necho\r\n",
            "#!/usr/bin/env sh\n",
            "#!/usr/bin/env -S sh -e\n",
            "#!/bin/sh -e\r\n",
            "echo\r\n",
            "\u{7f}ELF",
            "#!",
            "",
        ] {
            assert_eq!(fault_of(well), None, "{well:?}");
        }
        for (text, says) in [
            ("#!/bin/sh\r\necho\r\n", "CR LF"),
            ("#!/usr/bin/env python3\r\n", "CR LF"),
            (
                "#!/nowhere/python\n",
                "interpreter /nowhere/python is not there",
            ),
            (
                "#!/usr/bin/env no-such-program -x\n",
                "no-such-program is not on the PATH",
            ),
        ] {
            let said = fault_of(text).unwrap_or_default();
            assert!(said.contains(says), "{text:?}: {said:?}");
        }
    }
}
