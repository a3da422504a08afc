//! Files of models: people pass theirs around, and they travel over the broker.

use gristmill_tagger::{Model, Tagger};
use xxhash_rust::xxh3::xxh3_64;

const HEADER: usize = 24;

/// Corrects the header of a model file: magic, version, length and checksum of what follows,
/// behind which the loader would see nothing.
fn mend(bytes: &[u8], version: u32) -> Option<Vec<u8>> {
    let body = bytes.get(HEADER..)?;
    let mut file = b"GRISTPOS".to_vec();
    file.extend(version.to_le_bytes());
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(xxh3_64(body).to_le_bytes());
    file.extend(body);
    Some(file)
}

/// Loads them, and tags with what loads.
pub fn check(bytes: &[u8]) {
    let _ = Model::from_bytes(bytes);
    // One that loads must tag.
    for version in [2, 3] {
        let file = mend(bytes, version);
        if let Some(Ok(model)) = file.map(|file| Model::from_bytes(&file)) {
            let text = "Don't panic: it's 3.5 % of http://example.org/, she said.";
            Tagger::new(model.into()).analyse(text);
        }
    }
}
