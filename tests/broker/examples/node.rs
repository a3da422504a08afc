//! Starts a throwaway RabbitMQ node on loopback, prints a URL, and stops it when stdin ends.

use std::io::Read;

use gristmill_testbroker::{Node, NodeError};

fn main() -> Result<(), NodeError> {
    let vhost = Node::shared().vhost()?;
    #[expect(clippy::print_stdout, reason = "the URL is what this program is for")]
    {
        println!("{}", vhost.url());
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}
