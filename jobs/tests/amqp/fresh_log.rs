//! A log of jobs that is just being made: a real RabbitMQ knows a stream's name before it has the
//! stream.

use std::time::{Duration, Instant};

use gristmill_jobs::registry::{RegistryError, STREAM};
use gristmill_rabbitmq::{Broker, BrokerOptions};
use gristmill_testbroker::{Node, Settings, Vhost};

use crate::harness::{connect, open, run};

#[test]
fn roles_that_open_a_fresh_log_at_once_all_write_and_read_it() {
    // The first stream of a broker takes longest.
    let node = Node::start(Settings::default()).unwrap();
    for round in 0..4 {
        let vhost = node.vhost().unwrap();
        run(async {
            let mut roles = Vec::new();
            for _ in 0..8 {
                let (broker, notices) = connect(&vhost).await;
                roles.push((broker, notices));
            }
            let tasks = tokio::task::LocalSet::new();
            let mut opening = Vec::new();
            for (broker, notices) in roles {
                opening.push(tasks.spawn_local(async move {
                    let caught_up = async {
                        let registry = open(&broker).await;
                        registry.catch_up().await.map(drop)
                    };
                    let caught_up = tokio::time::timeout(Duration::from_secs(60), caught_up).await;
                    let well = matches!(caught_up, Ok(Ok(())));
                    assert!(well, "round {round}: {caught_up:?}: {notices:?}");
                }));
            }
            tasks.await;
            for opened in opening {
                opened.await.unwrap();
            }
        });
    }
}

/// Leaves the log's name without its stream: between the two steps of a broker's declaration it is
/// so for a moment, and for good when the broker is killed there. `then` goes on with the name in
/// `Name`.
fn unmake(vhost: &Vhost<'_>, then: &str) {
    let done = vhost.eval(&format!(
        "Name = rabbit_misc:r(V, queue, <<\"{STREAM}\">>), \
         {{ok, Q}} = rabbit_amqqueue:lookup(Name), \
         {{ok, _}} = rabbit_amqqueue:delete(Q, false, false, <<\"test\">>), \
         {{created, Half}} = rabbit_amqqueue:internal_declare(amqqueue:set_pid(Q, none), false), \
         {then} <<\"ok\">>."
    ));
    assert_eq!(done.unwrap(), "ok");
}

#[test]
fn a_log_whose_name_is_known_before_it_is_made_is_waited_for() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        open(&broker).await;
        unmake(
            &vhost,
            "spawn(fun() -> timer:sleep(30000), \
                 {ok, {ok, Pid}, _} = rabbit_stream_coordinator:new_stream(Half, node()), \
                 Set = fun() -> rabbit_amqqueue:update(Name, \
                     fun(R) -> amqqueue:set_pid(R, Pid) end) end, \
                 case erlang:function_exported(rabbit_khepri, transaction, 1) of \
                     true -> Set(); \
                     false -> rabbit_misc:execute_mnesia_transaction(Set) end end),",
        );
        let (late, notices) = connect(&vhost).await;
        let caught_up = async { open(&late).await.catch_up().await.map(drop) };
        let caught_up = tokio::time::timeout(Duration::from_secs(100), caught_up).await;
        let well = matches!(caught_up, Ok(Ok(())));
        assert!(well, "{caught_up:?}: {notices:?}");
    });
}

#[test]
fn a_log_whose_name_alone_is_known_is_an_error_for_whoever_does_not_wait() {
    let vhost = Node::shared().vhost().unwrap();
    run(async {
        let (broker, _) = connect(&vhost).await;
        open(&broker).await;
        unmake(&vhost, "");
        let limit = Duration::from_secs(3);
        let mut options = BrokerOptions::new(vhost.url().parse().unwrap());
        options.connect_limit = Some(limit);
        let looker = Broker::connect(options).await.unwrap();
        let registry = open(&looker).await;
        let since = Instant::now();
        let end = tokio::time::timeout(Duration::from_secs(60), registry.catch_up()).await;
        let end = end.expect("it ends in time").map(drop);
        let gave_up = matches!(end, Err(RegistryError::Gone(after)) if after == limit);
        assert!(gave_up, "{end:?}");
        assert!(since.elapsed() < 2 * limit, "{:?}", since.elapsed());
    });
}
