//! The names of the members of a tar: made of documents' names, safe to unpack, each once.
//!
//! A document's name comes from the input. Unpacked, no member may leave the folder, take another's
//! place, or stand where another needs a folder.

use std::collections::HashMap;

use gristmill_common::id::content_hash;

/// Gives out names. It keeps a hash of each: two names with the same hash would only give one of
/// them a number that it does not need.
#[derive(Debug, Default)]
pub(crate) struct MemberNames {
    taken: HashMap<u64, Taken>,
}

/// A name that was given.
#[derive(Debug)]
struct Taken {
    /// The number of the folder that stands for this name, if there is one: 1 is the name itself.
    folder: Option<u32>,
    /// The number for whoever asks next.
    next: u32,
}

impl MemberNames {
    /// The name of the member for a document's result: without `..`, `.` and leading `/`, and with
    /// a number before the extension if it is taken.
    pub(crate) fn give(&mut self, document: &[u8]) -> Vec<u8> {
        let parts = document.split(|&byte| byte == b'/');
        let parts: Vec<Vec<u8>> = parts.filter_map(part).collect();
        let Some((file, folders)) = parts.split_last() else {
            return self.place(&[], b"document", false);
        };
        let mut path = Vec::new();
        for folder in folders {
            path = self.place(&path, folder, true);
            path.push(b'/');
        }
        self.place(&path, file, false)
    }

    /// Finds a place for `name` below `path`.
    fn place(&mut self, path: &[u8], name: &[u8], folder: bool) -> Vec<u8> {
        let full = |number| [path, &numbered(name, number)].concat();
        let wanted = content_hash(&full(1));
        let new = || Taken {
            folder: folder.then_some(1),
            next: 2,
        };
        let Some(taken) = self.taken.get(&wanted) else {
            self.taken.insert(wanted, new());
            return full(1);
        };
        if let Some(number) = taken.folder.filter(|_| folder) {
            return full(number);
        }
        let mut number = taken.next;
        while self.taken.contains_key(&content_hash(&full(number))) {
            number = number.saturating_add(1);
        }
        self.taken.insert(content_hash(&full(number)), new());
        if let Some(taken) = self.taken.get_mut(&wanted) {
            taken.next = number.saturating_add(1);
            if folder {
                taken.folder = Some(number);
            }
        }
        full(number)
    }
}

/// A part of a path that is safe: none for what leads nowhere or out.
fn part(part: &[u8]) -> Option<Vec<u8>> {
    let nothing = part.is_empty() || part == b"." || part == b"..";
    // The header of a member ends names at a zero byte.
    let safe = |&byte: &u8| if byte == 0 { b'_' } else { byte };
    (!nothing).then(|| part.iter().map(safe).collect())
}

/// `name` for 1, `na~2.me` for 2 of `na.me`.
fn numbered(name: &[u8], number: u32) -> Vec<u8> {
    if number == 1 {
        return name.to_vec();
    }
    let dot = name.iter().rposition(|&byte| byte == b'.');
    let (stem, extension) = name.split_at(dot.filter(|&at| at > 0).unwrap_or(name.len()));
    [stem, format!("~{number}").as_bytes(), extension].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_the_folder_and_none_comes_twice() {
        let mut names = MemberNames::default();
        for (document, given) in [
            ("a/b.txt", "a/b.txt"),
            ("/a/./b.txt", "a/b~2.txt"),
            ("../../a//b.txt", "a/b~3.txt"),
            ("a/b~4.txt", "a/b~4.txt"),
            ("a/b.txt", "a/b~5.txt"),
            ("a", "a~2"),
            ("a/b.txt/c", "a/b~6.txt/c"),
            ("a/b.txt/d", "a/b~6.txt/d"),
            ("a~2/x", "a~2~2/x"),
            (".profile", ".profile"),
            (".profile", ".profile~2"),
            ("..", "document"),
            ("", "document~2"),
            ("/", "document~3"),
            ("x\0y", "x_y"),
            ("scans.zip!/../1.png", "scans.zip!/1.png"),
        ] {
            let name = names.give(document.as_bytes());
            assert_eq!(String::from_utf8_lossy(&name), given, "{document}");
        }
    }
}
