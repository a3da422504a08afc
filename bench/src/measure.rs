//! Runs one command and says what it cost. It must not know what the command does.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use wait4::Wait4;

/// What one run cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall_seconds: f64,
    /// User and system time of the process and of all descendants it waited for.
    pub(crate) cpu_seconds: f64,
    /// Resident peak of the *largest single process* among them (what `wait4` reports): exact for
    /// one process, too low for a pipeline or a pool.
    pub(crate) peak_bytes: u64,
}

/// A command line: the program and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Line(pub(crate) Vec<String>);

impl Line {
    pub(crate) fn new<I: IntoIterator<Item = S>, S: Into<String>>(words: I) -> Self {
        Line(words.into_iter().map(Into::into).collect())
    }
}

/// Runs `line` with its stdout in the file `out`. Any exit code that is not in `good` is an error
/// that quotes the end of what the command wrote to stderr.
pub(crate) fn run(line: &Line, out: &Path, good: &[i32]) -> Result<Cost> {
    let errors = out.with_extension("stderr");
    let mut command = Command::new(&line.0[0]);
    command.args(&line.0[1..]).stdin(Stdio::null());
    command
        .stdout(File::create(out)?)
        .stderr(File::create(&errors)?);
    let start = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", line.0[0]))?;
    let used = child.wait4()?;
    let wall_seconds = start.elapsed().as_secs_f64();
    if !used.status.code().is_some_and(|code| good.contains(&code)) {
        let text = String::from_utf8_lossy(&fs::read(&errors)?).into_owned();
        let tail: Vec<&str> = text.lines().rev().take(5).collect();
        let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n    ");
        bail!(
            "{} ended with {}\n    {tail}",
            line.0.join(" "),
            used.status
        );
    }
    Ok(Cost {
        wall_seconds,
        cpu_seconds: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        peak_bytes: used.rusage.maxrss,
    })
}

/// The middle run by wall time, with the middle CPU time and the highest memory peak.
pub(crate) fn median(costs: &[Cost]) -> Cost {
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        let half = values.len() / 2;
        if values.len() % 2 == 1 {
            values[half]
        } else {
            (values[half - 1] + values[half]) / 2.0
        }
    };
    Cost {
        wall_seconds: middle(costs.iter().map(|c| c.wall_seconds).collect()),
        cpu_seconds: middle(costs.iter().map(|c| c.cpu_seconds).collect()),
        peak_bytes: costs.iter().map(|c| c.peak_bytes).max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_time_and_exit_codes_are_told() {
        let temp = tempfile::tempdir().unwrap();
        let out = temp.path().join("out");
        // 64 MiB held by a grandchild that sh waits for.
        let hold = "head -c 67108864 /dev/zero | tr '\\0' 'x' | { x=$(cat); echo ${#x}; }";
        let cost = run(&Line::new(["sh", "-c", hold]), &out, &[0]).unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "67108864\n");
        assert!(cost.peak_bytes > 64 << 20, "{cost:?}");
        assert!(
            cost.cpu_seconds > 0.0 && cost.wall_seconds > 0.0,
            "{cost:?}"
        );
        let bad = run(&Line::new(["sh", "-c", "echo why >&2; exit 3"]), &out, &[0]);
        assert!(bad.unwrap_err().to_string().contains("why"));
        assert!(run(&Line::new(["sh", "-c", "exit 3"]), &out, &[0, 3]).is_ok());
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        let cost = |s| Cost {
            wall_seconds: s,
            cpu_seconds: 2.0 * s,
            peak_bytes: s as u64,
        };
        let all = [cost(9.0), cost(1.0), cost(4.0), cost(2.0)];
        let middle = median(&all);
        assert_eq!(
            (middle.wall_seconds, middle.cpu_seconds, middle.peak_bytes),
            (3.0, 6.0, 9)
        );
    }
}
