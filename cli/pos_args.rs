//! The words of `pos`: its options, and the model that it reads.

use std::path::PathBuf;

use clap::Args;
use gristmill_common::spec::Pos;
use gristmill_mapper::{JobFile, name_model};

use crate::exit::usage;

/// Part-of-speech tags of text, English unless --model says otherwise.
#[derive(Args, Debug)]
pub struct PosArgs {
    /// Options of the job.
    #[command(flatten)]
    pub options: Pos,
    /// Another model than the one that is built in, of any language (`gristmill tagger train`);
    /// over a broker it travels with the job
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
}

impl PosArgs {
    /// The options, which name the model by its hash, and the model's file unless it is built in.
    ///
    /// # Errors
    /// When the model cannot be read.
    pub fn into_options(mut self) -> anyhow::Result<(Pos, Option<JobFile>)> {
        let file = name_model(&mut self.options, self.model.as_deref());
        let file = file.map_err(|error| usage(error.to_string()))?;
        Ok((self.options, file))
    }
}
