//! `serve FOLDER [N]`: serves a folder's files, and N small objects below `many/`, as the bucket
//! `files` until it is killed; prints the variables of a user. For trying things out, and for
//! measuring.

use std::path::{Path, PathBuf};

use gristmill_teststore::{KEY, SECRET, Server};

const BUCKET: &str = "files";

#[expect(clippy::print_stdout, reason = "a shell reads them")]
fn main() -> std::io::Result<()> {
    let server = Server::start(BUCKET);
    let root = PathBuf::from(std::env::args_os().nth(1).unwrap_or_default());
    if !root.as_os_str().is_empty() {
        put(&server, &root, &root)?;
    }
    let many = std::env::args().nth(2).and_then(|many| many.parse().ok());
    for number in 0..many.unwrap_or(0_u32) {
        let key = format!("many/2026-11-29/host-{}/{number:08}.log", number % 100);
        server.put(BUCKET, &key, format!("line {number}\n"));
    }
    println!("export AWS_ACCESS_KEY_ID={KEY} AWS_SECRET_ACCESS_KEY={SECRET}");
    println!("export AWS_ENDPOINT_URL={}", server.endpoint());
    loop {
        std::thread::park();
    }
}

fn put(server: &Server, root: &Path, folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => put(server, root, &path)?,
            false => {
                let key = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
                server.put(BUCKET, &key, std::fs::read(&path)?);
            }
        }
    }
    Ok(())
}
