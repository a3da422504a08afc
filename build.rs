//! Puts the git revision into `gristmill --version`. Without git or outside a checkout it is what
//! `GRISTMILL_REVISION` says (an image's build), or "unknown".

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=GRISTMILL_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
    let told = std::env::var("GRISTMILL_REVISION").unwrap_or_default();
    let revision = match told.as_str() {
        "" => asked().unwrap_or_else(|| "unknown".to_owned()),
        told => told.to_owned(),
    };
    println!("cargo::rustc-env=GRISTMILL_BUILT_FROM={revision}");
}

/// The revision that is checked out here. The folder above may be somebody else's checkout, so git
/// must know this very file.
fn asked() -> Option<String> {
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&["rev-parse", "--git-path", file])?;
        // A file that is not there would make every build a new one.
        if std::path::Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
