//! `serve FOLDER [N [MILLISECONDS]]`: serves a folder's files, and N small objects below `many/`,
//! as the bucket `files` until it is killed, each answer so much later; prints the variables of a
//! user. For trying things out, and for measuring.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gristmill_teststore::{Fault, KEY, Proxy, SECRET, Server};

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
    let late = std::env::args().nth(3).and_then(|late| late.parse().ok());
    let late = late.map(|late| {
        let late = Duration::from_millis(late);
        Proxy::start(server.address(), move |_, _| Fault::Slow(late))
    });
    let endpoint = (late.as_ref()).map_or_else(|| server.endpoint(), Proxy::endpoint);
    println!("export AWS_ENDPOINT_URL={endpoint}");
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
