//! What a tag's name looks like in a line of CoNLL-U, ready to be copied. Must not know of models.

/// Longest label that is copied as one block, in bytes.
const SHORT: usize = 32;

/// A short text that is appended many times.
#[derive(Clone, Debug)]
pub(crate) enum Label {
    /// Copying a fixed number of bytes and taking some back is faster than a call for a few.
    Short([u8; SHORT], usize),
    Long(String),
}

impl Label {
    pub(crate) fn new(text: String) -> Self {
        let mut room = [0; SHORT];
        match room.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short(room, text.len())
            }
            None => Self::Long(text),
        }
    }

    #[inline(always)]
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Short(room, length) => {
                let end = out.len() + length;
                out.extend_from_slice(room);
                out.truncate(end);
            }
            Self::Long(text) => out.extend_from_slice(text.as_bytes()),
        }
    }
}

/// The labels of a model's tags.
#[derive(Debug)]
pub(crate) struct Labels {
    /// UPOS and the tab behind it.
    pub(crate) upos: Vec<Label>,
    /// XPOS, then FEATS, HEAD and DEPREL, which are not known, DEPS likewise, and the tab before
    /// MISC.
    pub(crate) xpos: Vec<Label>,
}

impl Labels {
    pub(crate) fn new(upos: &[String], xpos: &[String]) -> Self {
        let label = |name: &String, rest: &str| Label::new([name.as_str(), rest].concat());
        Self {
            upos: upos.iter().map(|name| label(name, "\t")).collect(),
            xpos: xpos
                .iter()
                .map(|name| label(name, "\t_\t_\t_\t_\t"))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_of_any_length_is_appended_whole() {
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 200] {
            let text = "x".repeat(length);
            let mut out = b"before ".to_vec();
            Label::new(text.clone()).push(&mut out);
            assert_eq!(out, format!("before {text}").into_bytes());
        }
    }
}
