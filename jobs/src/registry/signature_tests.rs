//! Only the very job that was signed, by a key that counts, in time.

use super::*;
use gristmill_common::spec::{Kind, Wc};

fn spec() -> JobSpec {
    JobSpec {
        partitions: 2,
        ..JobSpec::of(Kind::Wc(Wc {}))
    }
}

fn bundle(bytes: &[u8]) -> Bundle {
    Bundle {
        hash: 1,
        sha256: Sha256::of(bytes),
    }
}

#[test]
fn a_signature_is_of_one_program_in_one_run_of_one_job() {
    let folder = tempfile::tempdir().unwrap();
    let (secret, line) = SecretKey::generate().unwrap();
    let (other, _) = SecretKey::generate().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let read = SecretKey::read(&file("key", &line)).unwrap();
    assert_eq!(read.public(), secret.public());
    let keys = format!("# of the team\n\n{}", secret.public().line());
    let ring = Keyring::read(&file("keys", &keys)).unwrap();

    let run = |job: &str, run| JobRun::new(&job.parse().unwrap(), run);
    let (of, spec) = (run("j", 7), spec());
    let statement = Statement {
        run: &of,
        spec: &spec,
        bundle: Some(bundle(b"code")),
    };
    let signature = read.sign(&statement);
    assert_eq!(ring.check(&statement, Some(&signature)), Ok(()));
    assert_eq!(ring.check(&statement, None), Err(Unsigned::Missing));
    let stranger = other.sign(&statement);
    let expected = Err(Unsigned::Stranger(other.public()));
    assert_eq!(ring.check(&statement, Some(&stranger)), expected);
    // A stranger that says that it is somebody else.
    let mut liar = stranger;
    liar.key = secret.public();
    assert_eq!(ring.check(&statement, Some(&liar)), Err(Unsigned::Wrong));

    let (other_run, other_job, mut other_spec) = (run("j", 8), run("k", 7), spec.clone());
    other_spec.partitions = 3;
    let changed = [
        Statement {
            run: &other_run,
            ..statement
        },
        Statement {
            run: &other_job,
            ..statement
        },
        Statement {
            spec: &other_spec,
            ..statement
        },
        Statement {
            bundle: None,
            ..statement
        },
        Statement {
            bundle: Some(bundle(b"c0de")),
            ..statement
        },
    ];
    for changed in changed {
        let checked = ring.check(&changed, Some(&signature));
        assert_eq!(checked, Err(Unsigned::Wrong), "{changed:?}");
    }
    let mut later = signature.clone();
    later.not_after += 1;
    assert_eq!(ring.check(&statement, Some(&later)), Err(Unsigned::Wrong));
    let mut short = signature;
    short.bytes.pop();
    assert_eq!(ring.check(&statement, Some(&short)), Err(Unsigned::Wrong));
    let old = secret.sign_until(&statement, since_1970().as_secs() - 1);
    assert_eq!(ring.check(&statement, Some(&old)), Err(Unsigned::Expired));
}

#[test]
fn a_file_of_something_else_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let (secret, line) = SecretKey::generate().unwrap();
    for text in [
        &line,
        "gristmill-exec-key 12",
        "ssh-ed25519 AAAA",
        &format!("{} more", secret.public().line().trim()),
    ] {
        std::fs::write(&path, format!("\n{text}")).unwrap();
        let error = Keyring::read(&path).unwrap_err().to_string();
        assert!(error.contains("line 2: not a public key"), "{error}");
        assert!(!error.contains(&line[30..60]), "{error}");
    }
    std::fs::write(&path, secret.public().line()).unwrap();
    let error = SecretKey::read(&path).unwrap_err().to_string();
    assert!(error.contains("not a secret key"), "{error}");
    std::fs::write(&path, format!("{line}{line}")).unwrap();
    let error = SecretKey::read(&path).unwrap_err().to_string();
    assert!(error.contains("one secret key"), "{error}");
}
