//! The binary `gristmill`: parse, dispatch, exit.

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use gristmill::allocator;
use gristmill::args::{Cli, Command};
use gristmill::commands::{
    cancel, dashboard, doctor, exec, exec_key, fields, health, man, map, produce, reduce, replay,
    report, run, status, tagger, verify,
};
use gristmill::confined;
use gristmill::exit::{Exit, UsageError};
use gristmill::log;
use gristmill::stdout;
use gristmill::verbosity::Verbosity;
use gristmill_common::name::for_terminal;

fn main() -> ExitCode {
    if let Some(exit) = confined::become_program() {
        return exit;
    }
    allocator::keep_flat();
    let cli = parse();
    keep_quiet_about_caught_panics();
    let verbosity = match (cli.quiet, cli.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    };
    log::start(verbosity, cli.log_format);
    let ended = match cli.command {
        Command::Run(words) => run::run(*words, verbosity),
        Command::Produce(words) => produce::produce(*words, verbosity),
        Command::Map(args) => map::map(&args),
        Command::IsolatedChunk => map::isolated(),
        Command::IsolatedSplit => map::isolated_split(),
        Command::ExecKey(args) => exec_key::exec_key(&args),
        Command::ExecKeeper => exec::keeper(),
        Command::Reduce(args) => reduce::reduce(&args),
        Command::Status(args) => status::status(&args),
        Command::Dashboard(args) => dashboard::dashboard(&args),
        Command::Cancel(args) => cancel::cancel(&args, verbosity),
        Command::Replay(args) => replay::replay(&args, verbosity),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Health(args) => health::health(&args),
        Command::Verify(args) => verify::verify(&args, verbosity),
        Command::Report(args) => report::report(&args, verbosity),
        Command::Fields(args) => fields::fields(args, verbosity),
        Command::Tagger(command) => tagger::tagger(&command),
        Command::Completions { shell } => man::completions(shell),
        Command::Man { dir } => man::man(&dir),
    };
    let exit = ended.unwrap_or_else(|error| {
        // Where stderr is closed there is nobody left to tell; the exit code still says it.
        let said = format!("gristmill: {error:#}");
        let _ = writeln!(std::io::stderr(), "{}", for_terminal(&said));
        if error.is::<UsageError>() {
            Exit::Usage
        } else {
            Exit::Failed
        }
    });
    exit.into()
}

/// The words as they were typed. A kind of job in the place of a command gets the way out.
fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() {
            std::process::exit(help(&error) as i32);
        }
        // Where it cannot be written there is nobody left to tell.
        let _ = error.print();
        let word = std::env::args().nth(1).unwrap_or_default();
        let is_kind = (Cli::command().find_subcommand("run"))
            .is_some_and(|run| run.find_subcommand(&word).is_some());
        if error.kind() == ErrorKind::InvalidSubcommand && is_kind {
            let tip = format!("  tip: {word} is a kind of job: gristmill run {word}");
            let _ = writeln!(std::io::stderr(), "\n{tip}");
        }
        std::process::exit(error.exit_code())
    })
}

/// Prints what was asked for: a help or the version.
fn help(asked: &clap::Error) -> Exit {
    let printed = stdout::open().and_then(|_| {
        let printed = asked.print().and_then(|()| std::io::stdout().flush());
        match printed {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            printed => Ok(printed?),
        }
    });
    match printed {
        Ok(()) => Exit::Complete,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "gristmill: {error:#}");
            Exit::Failed
        }
    }
}

/// A processor that panics is caught, and its record goes to quarantine with the message: nothing
/// for a terminal. Panics of other threads are defects and are printed as always.
fn keep_quiet_about_caught_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let caught = std::thread::current()
            .name()
            .is_some_and(|name| name.starts_with("map-"));
        if !caught {
            print(panic);
        }
    }));
}
