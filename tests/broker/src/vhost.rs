//! One test's share of a node: a virtual host, and what an operator can do to its queues and
//! connections. It must not know what the queues mean.

use crate::{Node, NodeError};

/// A virtual host of its own for one test; dropped, it is deleted with everything in it.
#[derive(Debug)]
pub struct Vhost<'a> {
    node: &'a Node,
    name: String,
}

/// One queue as the broker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueState {
    /// Its name.
    pub name: String,
    /// Messages that wait.
    pub ready: u64,
    /// Messages that were handed over and not settled.
    pub unacked: u64,
    /// Consumers.
    pub consumers: u64,
}

impl<'a> Vhost<'a> {
    pub(crate) fn create(node: &'a Node, name: String) -> Result<Self, NodeError> {
        let vhost = Self { node, name };
        vhost.eval(
            "rabbit_vhost:add(V, <<\"test\">>), \
             rabbit_auth_backend_internal:set_permissions(<<\"guest\">>, V, <<\".*\">>, \
             <<\".*\">>, <<\".*\">>, <<\"test\">>).",
        )?;
        Ok(vhost)
    }

    /// The node that it is on.
    #[must_use]
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Where a client connects, with user and password.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "amqp://guest:guest@127.0.0.1:{}/{}",
            self.node.port(),
            self.name
        )
    }

    /// All queues with their counts, by name; one that is just being deleted is gone.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn queues(&self) -> Result<Vec<QueueState>, NodeError> {
        let text = self.eval(
            "iolist_to_binary([begin \
             {resource, _, queue, Name} = proplists:get_value(name, I), \
             N = fun(K) -> case proplists:get_value(K, I) of \
                 X when is_integer(X) -> integer_to_list(X); _ -> \"0\" end end, \
             [Name, \" \", N(messages_ready), \" \", N(messages_unacknowledged), \" \", \
              N(consumers), \"\\n\"] end \
             || Q <- rabbit_amqqueue:list(V), \
             I <- try [rabbit_amqqueue:info(Q, [name, messages_ready, messages_unacknowledged, \
                   consumers])] catch exit:{noproc, _} -> [] end]).",
        )?;
        let mut queues: Vec<QueueState> = text.lines().filter_map(parse).collect();
        queues.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(queues)
    }

    /// One queue, if it is there.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn queue(&self, name: &str) -> Result<Option<QueueState>, NodeError> {
        Ok(self.queues()?.into_iter().find(|queue| queue.name == name))
    }

    /// Takes a queue's only Raft member away: the queue stays, without a leader. A node that is
    /// killed while it declares a queue leaves one like that.
    ///
    /// # Errors
    /// When the queue is not there.
    pub fn behead_queue(&self, name: &str) -> Result<(), NodeError> {
        self.eval(&format!(
            "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(V, queue, <<\"{name}\">>)), \
             ok = ra:force_delete_server(quorum_queues, amqqueue:get_pid(Q)), <<\"ok\">>."
        ))
        .map(drop)
    }

    /// Stops a queue's only Raft member, or starts it again: meanwhile the queue has no leader.
    ///
    /// # Errors
    /// When the queue is not there.
    pub fn run_queue(&self, name: &str, run: bool) -> Result<(), NodeError> {
        let what = if run { "restart_server" } else { "stop_server" };
        self.eval(&format!(
            "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(V, queue, <<\"{name}\">>)), \
             ok = ra:{what}(quorum_queues, amqqueue:get_pid(Q)), <<\"ok\">>."
        ))
        .map(drop)
    }

    /// Has the replicas of all quorum queues on a node stand still, which other nodes lead; or go
    /// on. Nothing is handed over on such a node, for a message comes from the replica beside its
    /// consumer, while connections go on and the broker counts it as handed over. A replica that a
    /// 3.10.8 cuts off as leader may end like that.
    ///
    /// # Errors
    /// When no other node leads within the harness's limit.
    pub fn run_replicas(&self, on: &Node, other: &Node, run: bool) -> Result<(), NodeError> {
        let names = "Names = [element(1, amqqueue:get_pid(Q)) || Q <- rabbit_amqqueue:list(V), \
             amqqueue:get_type(Q) =:= rabbit_quorum_queue]";
        let vhost = format!("V = <<\"{}\">>", self.name);
        if run {
            let resume = format!("{vhost}, {names}, [sys:resume(Name) || Name <- Names], ok.");
            return on.eval(&resume).map(drop);
        }
        on.await_value(
            &format!(
                "{vhost}, {names}, lists:all(fun(Name) -> \
                 case ra_leaderboard:lookup_leader(Name) of \
                     {{_, Node}} when Node =:= node() -> \
                         ra:transfer_leadership({{Name, Node}}, {{Name, '{}'}}), false; \
                     {{_, _}} -> true; \
                     _ -> false end end, Names).",
                other.name()
            ),
            "true",
        )?;
        let suspend = format!("{vhost}, {names}, [ok = sys:suspend(Name) || Name <- Names], ok.");
        on.eval(&suspend).map(drop)
    }

    /// Deletes a queue with all its messages, whoever consumes it.
    ///
    /// # Errors
    /// When it is not there.
    pub fn delete_queue(&self, name: &str) -> Result<(), NodeError> {
        self.eval(&format!(
            "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(V, queue, <<\"{name}\">>)), \
             {{ok, _}} = rabbit_amqqueue:delete(Q, false, false, <<\"test\">>)."
        ))
        .map(drop)
    }

    /// Removes all waiting messages of a queue.
    ///
    /// # Errors
    /// When it is not there.
    pub fn purge_queue(&self, name: &str) -> Result<(), NodeError> {
        self.eval(&format!(
            "{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(V, queue, <<\"{name}\">>)), \
             {{ok, _}} = rabbit_amqqueue:purge(Q)."
        ))
        .map(drop)
    }

    /// Closes all connections of this virtual host, as an operator does; says how many.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn close_connections(&self) -> Result<u32, NodeError> {
        let count = self.eval(
            // A connection may end by itself meanwhile.
            "Ps = [P || P <- rabbit_networking:connections(), \
             (catch rabbit_networking:connection_info(P, [vhost])) =:= [{vhost, V}]], \
             [catch rabbit_networking:close_connection(P, \"closed by the operator\") || P <- Ps], \
             length(Ps).",
        )?;
        Ok(count.parse().unwrap_or(0))
    }

    /// Has the broker's side of all channels that are open now stand still, until they are closed
    /// with their connections: they answer nothing and deliver nothing, while the connections go
    /// on. Says how many.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn silence_channels(&self) -> Result<u32, NodeError> {
        let count = self.eval(
            // One that stands still cannot be asked, and one may end by itself meanwhile.
            "Ps = [P || {P, Infos} <- ets:tab2list(channel_created), \
             proplists:get_value(vhost, Infos) =:= V], \
             [catch sys:suspend(P) || P <- Ps], persistent_term:put({silenced, V}, Ps), \
             length(Ps).",
        )?;
        Ok(count.parse().unwrap_or(0))
    }

    /// Ends [`Vhost::silence_channels`]; what queues handed over meanwhile is lost on the way, as
    /// it is between the nodes of a cluster that breaks in two. Says how many deliveries that were.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn lose_deliveries(&self) -> Result<u32, NodeError> {
        // It is the channel itself that takes them from its inbox.
        let count = self.eval(
            "Me = self(), \
             Lose = fun Lose(N) -> \
                 receive {'$gen_cast', {queue_event, _, {_, {machine, _}}}} -> Lose(N + 1) \
                 after 0 -> N end end, \
             Lost = fun(P) -> \
                 sys:replace_state(P, fun(S) -> Me ! {lost, P, Lose(0)}, S end), \
                 sys:resume(P), receive {lost, P, N} -> N after 0 -> 0 end end, \
             lists:sum([Lost(P) || P <- persistent_term:get({silenced, V}), is_process_alive(P)]).",
        )?;
        Ok(count.parse().unwrap_or(0))
    }

    /// Evaluates Erlang expressions with `V` bound to this virtual host's name.
    ///
    /// # Errors
    /// When the evaluation fails.
    pub fn eval(&self, code: &str) -> Result<String, NodeError> {
        self.node
            .eval(&format!("V = <<\"{}\">>, {code}", self.name))
    }
}

impl Drop for Vhost<'_> {
    fn drop(&mut self) {
        let _ = self.eval("rabbit_vhost:delete(V, <<\"test\">>).");
    }
}

fn parse(line: &str) -> Option<QueueState> {
    let mut columns = line.rsplitn(4, ' ');
    let mut number = || columns.next()?.parse().ok();
    let (consumers, unacked, ready) = (number()?, number()?, number()?);
    Some(QueueState {
        name: columns.next()?.to_owned(),
        ready,
        unacked,
        consumers,
    })
}
