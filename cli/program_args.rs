//! Which programs of jobs a mapper or reducer runs, and how they are confined.

use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;
use gristmill_common::own_program::own_program;
use gristmill_jobs::registry::Keyring;
use gristmill_mapper::{
    AllowedPrograms, Confinement, ExecGate, ExecPolicy, ExecSettings, can_confine, keep_private,
};
use tracing::warn;

use crate::args::BrokerArgs;
use crate::commands;
use crate::exit::usage;

/// Options of `map` and `reduce` for the programs of jobs.
#[derive(Args, Clone, Debug)]
pub struct ProgramArgs {
    /// Whose own programs are run (exec): whoever may publish to the broker can submit a job
    #[arg(
        long,
        value_enum,
        default_value = "off",
        env = "GRISTMILL_EXEC",
        help_heading = "Programs of jobs (exec)"
    )]
    pub exec: ExecWord,
    /// With --exec signed: a file with the public keys that count, one a line
    #[arg(
        long,
        value_name = "FILE",
        env = "GRISTMILL_EXEC_KEYS",
        help_heading = "Programs of jobs (exec)"
    )]
    pub exec_keys: Option<PathBuf>,
    /// Programs of this machine that every job may run, whatever --exec says
    ///
    /// Bare names are looked for on the PATH at the start. All programs of a job must be listed. No
    /// files of the job, no --shell, no --net, no --env but LANG, TZ, OMP_* and GRISTMILL_*. What
    /// runs whatever it is told to, such as a shell, is refused.
    #[arg(
        long,
        value_name = "NAME[=/PATH],…",
        value_delimiter = ',',
        env = "GRISTMILL_EXEC_ALLOW",
        help_heading = "Programs of jobs (exec)"
    )]
    pub exec_allow: Vec<String>,
    /// Do not confine programs: they may write, use the network and reach other processes as this
    /// user may
    #[arg(
        long,
        env = "GRISTMILL_EXEC_UNCONFINED",
        value_parser = FalseyValueParser::new(),
        help_heading = "Programs of jobs (exec)"
    )]
    pub exec_unconfined: bool,
}

/// `--exec` as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExecWord {
    /// Nobody's
    Off,
    /// Those that a key of --exec-keys has signed (`produce --sign`)
    Signed,
    /// Everybody's who may publish to the broker
    Any,
}

/// How a worker runs the programs of jobs. Where it runs any, what this process knows is kept from
/// them.
///
/// # Errors
/// A usage error that names the option and the way out.
pub fn settings(
    args: &ProgramArgs,
    broker: &BrokerArgs,
    tmp: Option<&PathBuf>,
) -> anyhow::Result<ExecSettings> {
    let policy = policy(args)?;
    let tmp = commands::run::tmp(tmp)?;
    let mut settings = ExecSettings {
        policy,
        tmp,
        confinement: None,
    };
    if settings.policy.gate == ExecGate::Off && settings.policy.allowed.is_empty() {
        return Ok(settings);
    }
    keep_private()
        .map_err(|error| anyhow::anyhow!("this process cannot be kept private: {error}"))?;
    if std::env::args_os().any(|word| shows_password(&word.to_string_lossy())) {
        return Err(usage(
            "--broker: a password on the command line is in the process list, where programs of jobs could \
             read it: --broker-file or GRISTMILL_BROKER hides it",
        ));
    }
    if args.exec_unconfined {
        return Ok(settings);
    }
    let gristmill = own_program()?;
    let secrets = [&broker.broker_file, &broker.client_key];
    match can_confine(&gristmill, &settings.tmp) {
        Ok(()) => {
            // Programs run in other folders.
            let secrets = secrets.into_iter().flatten().map(std::path::absolute);
            let secrets = secrets.collect::<Result<_, _>>()?;
            settings.confinement = Some(Confinement { secrets });
        }
        Err(why)
            if settings.policy.gate == ExecGate::Signed && settings.policy.allowed.is_empty() =>
        {
            warn!("programs run with all that this user may: {why}");
        }
        Err(why) => {
            return Err(usage(format!(
                "--exec: {why}; --exec-unconfined runs programs all the same, with all that this user may"
            )));
        }
    }
    Ok(settings)
}

/// Whether a word of the command line holds a URL with a user and a password.
fn shows_password(word: &str) -> bool {
    let url = word.split_once("://").map(|(_, rest)| rest);
    let user = url
        .and_then(|rest| rest.split_once('@'))
        .map(|(user, _)| user);
    word.contains("amqp") && user.is_some_and(|user| user.contains(':'))
}

fn policy(args: &ProgramArgs) -> anyhow::Result<ExecPolicy> {
    let gate = match args.exec {
        ExecWord::Off => ExecGate::Off,
        ExecWord::Signed => ExecGate::Signed,
        ExecWord::Any => ExecGate::Any,
    };
    let keys = match &args.exec_keys {
        Some(path) => Keyring::read(path).map_err(|error| usage(format!("--exec-keys {error}")))?,
        None => Keyring::default(),
    };
    if gate == ExecGate::Signed && keys.is_empty() {
        return Err(usage(
            "--exec signed: which keys count? --exec-keys FILE has them, one a line (`gristmill \
             exec-key` makes them)",
        ));
    }
    let allowed = AllowedPrograms::parse(
        (args.exec_allow.iter())
            .map(String::as_str)
            .filter(|name| !name.is_empty()),
    )
    .map_err(|what| usage(format!("--exec-allow {what}")))?;
    Ok(ExecPolicy {
        gate,
        keys,
        allowed,
    })
}
