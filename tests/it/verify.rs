//! `gristmill verify`: it holds when it should, and says what does not.

use crate::corpus;
use crate::gristmill::{read, run};

#[test]
fn i7_every_record_is_accounted_for_and_damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    corpus::logs(&logs);
    let out = folder.path().join("out");
    let (logs_name, out_name) = (logs.to_str().unwrap(), out.to_str().unwrap());
    run([
        "run",
        "access-log",
        "--by",
        "status",
        logs_name,
        "-o",
        out_name,
    ])
    .code(3);
    run(["verify", out_name]).code(0).says("holds");
    run(["verify", out_name, logs_name])
        .code(0)
        .says("recounted");

    // A line more in an input is a line that the output does not account for.
    let log = logs.join("access.log");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, format!("{text}one more\n")).unwrap();
    run(["verify", out_name, logs_name])
        .code(1)
        .says("access.log");
    std::fs::write(&log, &text).unwrap();
    run(["verify", out_name, logs_name]).code(0);

    let part = out.join("part-00000.tsv");
    let rows = read(&out, "part-00000.tsv");
    std::fs::write(&part, rows.replacen('2', "3", 1)).unwrap();
    run(["verify", out_name]).code(1).says("part-00000.tsv");
    std::fs::remove_file(&part).unwrap();
    run(["verify", out_name]).code(1).says("part-00000.tsv");
    std::fs::write(&part, rows).unwrap();
    run(["verify", out_name]).code(0);

    // A manifest without one of its files, and with one twice.
    let manifest = read(&out, "manifest.json");
    let mut fewer: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let files = fewer["files"].as_array_mut().unwrap();
    files.retain(|file| file["name"] != "part-00000.tsv");
    let mut twice = fewer.clone();
    let files = twice["files"].as_array_mut().unwrap();
    files.push(files[0].clone());
    for (manifest, says) in [
        (&fewer, "the manifest does not list part-00000.tsv"),
        (&twice, "the manifest lists a file twice"),
    ] {
        std::fs::write(out.join("manifest.json"), manifest.to_string()).unwrap();
        run(["verify", out_name]).code(1).says(says);
    }

    std::fs::remove_file(out.join("manifest.json")).unwrap();
    run(["verify", out_name]).code(1).says("manifest.json");
}
