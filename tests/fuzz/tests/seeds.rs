//! The seeds are what they are meant for, and every target takes its own: one that breaks a promise
//! would end each fuzzing at once.

use bytes::Bytes;
use gristmill_common::wire::{self, Check};
use gristmill_fuzz::{archive, model, records, seeds, text};
use gristmill_jobs::{file, registry, report};
use gristmill_tagger::Model;

fn seeds_of(target: &str) -> Vec<Vec<u8>> {
    let seeds: Vec<Vec<u8>> = (seeds::all().into_iter())
        .filter(|(name, _)| *name == target)
        .map(|(_, bytes)| bytes)
        .collect();
    assert!(!seeds.is_empty(), "{target}");
    seeds
}

#[test]
fn archives_are_read() {
    seeds_of("archive")
        .iter()
        .for_each(|bytes| archive::check(bytes));
}

#[test]
fn messages_are_messages() {
    for bytes in seeds_of("wire") {
        gristmill_fuzz::wire::check(&bytes);
        let message = Bytes::from(bytes);
        // Of one whose body has no hash, the head is checked alone.
        let is_one = wire::decode(&message, Check::Head).is_ok()
            || file::decode_file(&message).is_ok()
            || report::decode_report(&message).is_ok()
            || registry::decode_log_part(&message).is_ok()
            || registry::decode_event(&message).is_ok();
        assert!(is_one, "{message:?}");
    }
}

#[test]
fn models_load_and_tag() {
    for bytes in seeds_of("model") {
        assert!(Model::from_bytes(&bytes).is_ok());
        model::check(&bytes);
    }
}

#[test]
fn records_are_surveyed() {
    seeds_of("records")
        .iter()
        .for_each(|bytes| records::check(bytes));
}

#[test]
fn texts_are_tagged() {
    seeds_of("text").iter().for_each(|bytes| text::check(bytes));
}
