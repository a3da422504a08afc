//! Writes what each target starts from: `seeds DIR` makes `DIR/archive`, `DIR/wire`, `DIR/model`,
//! `DIR/text` and `DIR/records`.

use std::path::Path;

fn main() {
    let dir = std::env::args().nth(1).expect("the folder to write to");
    for (number, (target, bytes)) in gristmill_fuzz::seeds::all().into_iter().enumerate() {
        let folder = Path::new(&dir).join(target);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("seed-{}", number + 1)), bytes).expect("a file");
    }
}
