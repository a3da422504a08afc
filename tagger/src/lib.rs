//! The part-of-speech tagger.
