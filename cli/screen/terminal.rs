//! The terminal: taken for a screen, and given back as it was. It must not know what is drawn.

use std::io::{ErrorKind, IsTerminal, Write};

use super::line::Line;

/// The alternate screen, no cursor, and no wrapping of long lines (xterm's control sequences, which
/// all terminals of today know).
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &[u8] = b"\x1b[?7h\x1b[?25h\x1b[?1049l";
/// Where a terminal does not tell its size.
const USUAL: Size = Size {
    columns: 80,
    rows: 24,
};

/// How much a terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// Whether stdout is a terminal on which a screen can be drawn.
#[must_use]
pub fn is_drawable() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    std::io::stdout().is_terminal() && !dumb
}

/// The terminal, from [`Terminal::enter`] until dropped.
pub(super) struct Terminal {
    /// <https://no-color.org>: not where `NO_COLOR` is set and not empty.
    colors: bool,
}

impl Terminal {
    /// Takes the terminal of stdout.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn enter() -> std::io::Result<Self> {
        let colors = std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        let taken = Self { colors };
        write(ENTER)?;
        Ok(taken)
    }

    /// Draws lines in place of those that were there. False when nobody sees it any more.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub(super) fn draw(&mut self, lines: impl FnOnce(Size) -> Vec<Line>) -> std::io::Result<bool> {
        let size = size();
        let mut out = b"\x1b[H".to_vec();
        for (row, line) in lines(size).iter().take(size.rows).enumerate() {
            if row > 0 {
                out.extend_from_slice(b"\r\n");
            }
            line.write(size.columns, self.colors, &mut out);
            // What was there behind it.
            out.extend_from_slice(b"\x1b[K");
        }
        out.extend_from_slice(b"\x1b[J");
        match write(&out) {
            // The terminal has gone.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EIO)) => Ok(false),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            written => written.map(|()| true),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that cannot be written needs nothing.
        let _ = write(LEAVE);
    }
}

fn write(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}

/// The terminal's size now.
fn size() -> Size {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
            columns: usize::from(size.ws_col),
            rows: usize::from(size.ws_row),
        },
        _ => USUAL,
    }
}
