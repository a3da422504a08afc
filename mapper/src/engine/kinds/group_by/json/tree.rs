//! The named fields as a tree of keys: what a reader of JSON looks for at each level.

use super::super::field::{FieldId, Path};

/// No node: what is in there is of no interest.
pub(super) const NONE: u16 = u16::MAX;
/// The node of a record's outermost value.
pub(super) const ROOT: u16 = 0;

/// The named fields by their first steps, second steps, and so on.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// The keys of interest, each with its node.
    keys: Vec<(Vec<u8>, u16)>,
    /// The places of an array that are of interest, each with its node.
    indexes: Vec<(u32, u16)>,
    /// The field that the value is.
    field: Option<FieldId>,
    /// The fields inside it.
    below: Vec<FieldId>,
}

impl Tree {
    pub(super) fn new(paths: &[Path]) -> Self {
        let mut nodes = vec![Node::default()];
        for (number, path) in paths.iter().enumerate() {
            let field = FieldId(number as u16);
            let mut at = usize::from(ROOT);
            for step in &path.steps {
                nodes[at].below.push(field);
                let known = nodes[at].keys.iter().find(|(key, _)| key == step);
                at = match known {
                    Some((_, node)) => usize::from(*node),
                    None => {
                        let node = nodes.len() as u16;
                        nodes[at].keys.push((step.clone(), node));
                        if let Some(index) = index_of(step) {
                            nodes[at].indexes.push((index, node));
                        }
                        nodes.push(Node::default());
                        usize::from(node)
                    }
                };
            }
            nodes[at].field = Some(field);
        }
        Self { nodes }
    }

    /// Whether anything inside the node's value is of interest.
    #[inline]
    pub(super) fn goes_on(&self, node: u16) -> bool {
        node != NONE && !self.nodes[usize::from(node)].keys.is_empty()
    }

    /// The node of a key in the node's object.
    #[inline]
    pub(super) fn key(&self, node: u16, key: &[u8]) -> u16 {
        let keys = &self.nodes[usize::from(node)].keys;
        let known = keys.iter().find(|(known, _)| known == key);
        known.map_or(NONE, |(_, node)| *node)
    }

    /// The node of a place in the node's array.
    #[inline]
    pub(super) fn index(&self, node: u16, index: u32) -> u16 {
        let indexes = &self.nodes[usize::from(node)].indexes;
        let known = indexes.iter().find(|(known, _)| *known == index);
        known.map_or(NONE, |(_, node)| *node)
    }

    /// The field that the node's value is.
    #[inline]
    pub(super) fn field(&self, node: u16) -> Option<FieldId> {
        if node == NONE {
            return None;
        }
        self.nodes[usize::from(node)].field
    }

    /// The fields inside the node's value.
    #[inline]
    pub(super) fn below(&self, node: u16) -> &[FieldId] {
        &self.nodes[usize::from(node)].below
    }
}

/// The number that a step is, written as an index is.
fn index_of(step: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(step).ok()?;
    let index: u32 = text.parse().ok()?;
    (index.to_string() == text).then_some(index)
}
