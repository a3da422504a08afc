//! Several nodes joined to one cluster: each can be killed, stopped and cut off from the others.
//!
//! It must not know what tests put on them.

use crate::{Node, NodeError, Settings};

/// The nodes that a node sees run; 4.x has renamed the function.
const RUNNING: &str = "length(case erlang:function_exported(rabbit_nodes, list_running, 0) of \
                       true -> rabbit_nodes:list_running(); \
                       false -> rabbit_nodes:all_running() end).";

/// The nodes of one cluster. Dropped, all are gone.
#[derive(Debug)]
pub struct Nodes {
    nodes: Vec<Node>,
}

impl Nodes {
    /// Starts `count` nodes and joins them, as `rabbitmqctl join_cluster` does.
    ///
    /// # Errors
    /// When a node does not start or cannot be joined.
    pub fn start(count: usize, settings: &Settings) -> Result<Self, NodeError> {
        let first = Node::start(settings.clone())?;
        let mut nodes = vec![first];
        for _ in 1..count {
            let family = nodes[0].family();
            let node = Node::of_family(settings.clone(), Some(family))?;
            let seed = nodes[0].name();
            // 4.x has moved the function.
            node.eval(&format!(
                "rabbit:stop(), \
                 ok = case erlang:function_exported(rabbit_db_cluster, join, 2) of \
                     true -> rabbit_db_cluster:join('{seed}', disc); \
                     false -> rabbit_mnesia:join_cluster('{seed}', disc) end, \
                 rabbit:start(), ok."
            ))?;
            nodes.push(node);
        }
        let nodes = Self { nodes };
        nodes.await_all()?;
        Ok(nodes)
    }

    /// All nodes, in the order in which they were started.
    #[must_use]
    pub fn all(&self) -> &[Node] {
        &self.nodes
    }

    /// Waits until each node sees all others run.
    ///
    /// # Errors
    /// When they have not within the harness's limit.
    pub fn await_all(&self) -> Result<(), NodeError> {
        (0..self.nodes.len()).try_for_each(|at| self.await_running(at, self.nodes.len()))
    }

    /// Waits until a node sees so many run, itself included.
    ///
    /// # Errors
    /// When it has not within the harness's limit.
    pub fn await_running(&self, at: usize, count: usize) -> Result<(), NodeError> {
        self.nodes[at].await_value(RUNNING, &count.to_string())
    }

    /// Cuts a node off from all others: clients still reach it.
    ///
    /// # Errors
    /// When a node does not run.
    pub fn cut_off(&self, at: usize) -> Result<(), NodeError> {
        // A handshake fails where the cookies differ, so each side has its own; both give up the
        // connection that there is.
        self.each_other(at, |node, other| {
            node.eval(&format!(
                "erlang:set_cookie('{0}', node()), erlang:disconnect_node('{0}'), ok.",
                other.name()
            ))
        })
    }

    /// Ends [`Nodes::cut_off`].
    ///
    /// # Errors
    /// When a node does not run.
    pub fn rejoin(&self, at: usize) -> Result<(), NodeError> {
        self.each_other(at, |node, other| {
            let cookie = other.cookie();
            node.eval(&format!(
                "erlang:set_cookie('{0}', '{cookie}'), net_kernel:connect_node('{0}'), ok.",
                other.name()
            ))
        })
    }

    /// Does something between one node and each of the others, in both directions.
    fn each_other(
        &self,
        at: usize,
        with: impl Fn(&Node, &Node) -> Result<String, NodeError>,
    ) -> Result<(), NodeError> {
        let one = &self.nodes[at];
        for (other_at, other) in self.nodes.iter().enumerate() {
            if other_at != at {
                with(one, other)?;
                with(other, one)?;
            }
        }
        Ok(())
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        // The first has the port mapper of all.
        while self.nodes.pop().is_some() {}
    }
}
