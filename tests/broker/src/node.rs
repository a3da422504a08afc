//! One RabbitMQ node: started, stopped, killed, frozen, started again with the same data.
//!
//! It must not know what tests put on it.

use std::collections::hash_map::RandomState;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Child;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::control::{self, Control};
use crate::install::Install;
use crate::ports::Ports;
use crate::process::{command, is_alive, signal, signal_group, state, wait};
use crate::watchdog::Watchdog;
use crate::{NodeError, Vhost};

/// Names feature flags of RabbitMQ, separated by spaces, to enable in every node: `khepri_db` has a
/// 4.0 keep its queues' names in Raft instead of Mnesia, as later versions do by themselves.
pub const FLAGS_VARIABLE: &str = "GRISTMILL_RABBITMQ_FLAGS";

/// How long a node may take to stand still.
const FREEZE_LIMIT: Duration = Duration::from_secs(10);
/// How long a start may take: 4-6 s alone on two cores, more than a minute where others use them.
const START_LIMIT: Duration = Duration::from_secs(180);
/// How long an orderly stop may take before the node is killed.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const LOG_TAIL: usize = 6000;

/// What a node is started with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How long a consumer may hold a message before the broker takes it back (RabbitMQ's own
    /// default is 30 minutes). The broker then looks every 100 ms instead of every minute.
    pub consumer_timeout: Option<Duration>,
    /// Further lines of `rabbitmq.conf`.
    pub config: Vec<String>,
}

/// A running (or stopped) throwaway node. Dropped, it is killed and its data removed.
#[derive(Debug)]
pub struct Node {
    install: Install,
    name: String,
    port: u16,
    dist_port: u16,
    family: Family,
    control: Control,
    settings: Settings,
    processes: Mutex<Processes>,
    vhosts: AtomicU32,
    watchdog: Watchdog,
    folder: TempDir,
    /// Given up last, when nothing listens there.
    _ports: Ports,
}

/// What the nodes of one cluster share.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    epmd_port: u16,
    cookie: String,
}

#[derive(Debug)]
struct Processes {
    /// Of the first node of a cluster; the others use it too.
    epmd: Option<Child>,
    server: Option<Child>,
    /// The virtual machine's own process.
    beam: Option<u32>,
}

impl Node {
    /// Starts a node and waits until it takes connections.
    ///
    /// # Errors
    /// When there is no RabbitMQ, or it did not come up in time (the error holds its log's end).
    pub fn start(settings: Settings) -> Result<Self, NodeError> {
        Self::of_family(settings, None)
    }

    /// Starts a node that can be joined with those of a family.
    pub(crate) fn of_family(settings: Settings, family: Option<Family>) -> Result<Self, NodeError> {
        let install = Install::find()?;
        let folder = tempfile::Builder::new()
            .prefix("gristmill-broker-")
            .tempdir()
            .map_err(NodeError::io("a folder for the broker"))?;
        let ports = Ports::claim()?;
        let [port, dist_port, epmd_port, control_port] = ports.numbers;
        let watchdog = Watchdog::start(folder.path())?;
        let token = || format!("t{:016x}", RandomState::new().build_hasher().finish());
        let (epmd, family) = match family {
            Some(family) => (None, family),
            None => {
                let log = log_file(&folder)?;
                let epmd = command(install.epmd.as_os_str(), &log)?
                    .args(["-address", "127.0.0.1", "-port", &epmd_port.to_string()])
                    .env("HOME", folder.path())
                    .spawn()
                    .map_err(NodeError::io("starting epmd through bash"))?;
                watchdog.guard("epmd", Some(epmd.id()))?;
                let cookie = token();
                (Some(epmd), Family { epmd_port, cookie })
            }
        };
        let node = Self {
            name: format!("gristmill{port}@localhost"),
            port,
            dist_port,
            family,
            control: Control {
                port: control_port,
                token: token(),
            },
            settings,
            processes: Mutex::new(Processes {
                epmd,
                server: None,
                beam: None,
            }),
            vhosts: AtomicU32::new(0),
            install,
            watchdog,
            folder,
            _ports: ports,
        };
        node.write_config()?;
        node.boot()?;
        node.enable_flags()?;
        Ok(node)
    }

    /// What another node needs to be joined with this one.
    pub(crate) fn family(&self) -> Family {
        self.family.clone()
    }

    /// The Erlang name of the node.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cookie that it shares with the other nodes of its cluster.
    pub(crate) fn cookie(&self) -> &str {
        &self.family.cookie
    }

    /// The version of RabbitMQ: major and minor.
    ///
    /// # Errors
    /// When the node does not run.
    pub fn version(&self) -> Result<(u32, u32), NodeError> {
        let text = self.eval("list_to_binary(rabbit:base_product_version()).")?;
        let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
        Ok((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
    }

    /// The node that all tests of one binary share, with default settings. It ends with the binary.
    ///
    /// # Panics
    /// When it cannot be started: a test without its broker has failed.
    #[allow(clippy::panic)]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Node> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start(Settings::default()) {
            Ok(node) => node,
            Err(error) => panic!("{error}"),
        })
    }

    /// A fresh virtual host, empty, with the user `guest`.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn vhost(&self) -> Result<Vhost<'_>, NodeError> {
        let name = format!("v{}", self.vhosts.fetch_add(1, Ordering::Relaxed));
        Vhost::create(self, name)
    }

    /// The port of AMQP on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops the node in order, as an operator does.
    pub fn stop(&self) {
        let mut processes = self.processes.lock();
        let beam = processes.beam;
        if let (Some(server), Some(beam)) = (&mut processes.server, beam) {
            signal(beam, Signal::TERM);
            wait(server, STOP_LIMIT);
        }
        self.reap(&mut processes);
    }

    /// Kills the node at once (SIGKILL), as the out-of-memory killer does.
    pub fn kill(&self) {
        self.reap(&mut self.processes.lock());
    }

    /// Starts a stopped or killed node again, on the same port with the same data.
    ///
    /// # Errors
    /// When it did not come up in time.
    pub fn start_again(&self) -> Result<(), NodeError> {
        self.kill();
        self.boot()
    }

    /// Freezes the node (SIGSTOP): connections stay open, nothing is answered.
    ///
    /// # Panics
    /// When it does not stand still: a test of what follows would wait in vain.
    pub fn freeze(&self) {
        let beam = self.processes.lock().beam.expect("a node that runs");
        let end = Instant::now() + FREEZE_LIMIT;
        loop {
            signal(beam, Signal::STOP);
            std::thread::sleep(Duration::from_millis(10));
            match state(beam) {
                Some('T') => return,
                state => assert!(Instant::now() < end, "{beam} does not stop: {state:?}"),
            }
        }
    }

    /// Wakes a frozen node.
    pub fn thaw(&self) {
        if let Some(beam) = self.processes.lock().beam {
            signal(beam, Signal::CONT);
        }
    }

    /// Evaluates Erlang expressions, ending in a full stop, in the node; a binary comes back as it
    /// is, any other value as Erlang prints it.
    ///
    /// # Errors
    /// When the node does not run or the evaluation fails.
    pub fn eval(&self, code: &str) -> Result<String, NodeError> {
        self.control.eval(code)
    }

    /// Raises or clears the memory alarm, as `rabbitmqctl set_vm_memory_high_watermark` would.
    ///
    /// # Errors
    /// When the node refuses or the alarm does not follow.
    pub fn memory_alarm(&self, on: bool) -> Result<(), NodeError> {
        let fraction = if on { "0.00001" } else { "0.9" };
        self.eval(&format!(
            "vm_memory_monitor:set_vm_memory_high_watermark({fraction})."
        ))?;
        self.await_alarm("memory", on)
    }

    /// Raises or clears the disk alarm, as `rabbitmqctl set_disk_free_limit` would.
    ///
    /// # Errors
    /// When the node refuses or the alarm does not follow.
    pub fn disk_alarm(&self, on: bool) -> Result<(), NodeError> {
        let limit = if on { "1000000000000000" } else { "1000000" };
        self.eval(&format!(
            "rabbit_disk_monitor:set_disk_free_limit({limit})."
        ))?;
        self.await_alarm("disk", on)
    }

    /// Takes the coordinator of streams away and restarts the node: it then knows the names of its
    /// streams and nothing else of them. A node that is killed within seconds of its first stream
    /// ends like that.
    ///
    /// # Errors
    /// When there is no stream yet, or the node does not come up again.
    pub fn forget_streams(&self) -> Result<(), NodeError> {
        self.eval(
            "ok = ra:force_delete_server(coordination, {rabbit_stream_coordinator, node()}).",
        )?;
        self.kill();
        self.start_again()
    }

    fn await_alarm(&self, resource: &str, on: bool) -> Result<(), NodeError> {
        self.await_value(
            &format!(
                "lists:any(fun({{{{resource_limit, {resource}, _}}, _}}) -> true; (_) -> false \
                 end, rabbit_alarm:get_alarms())."
            ),
            if on { "true" } else { "false" },
        )
    }

    /// Asks until the expressions give a value.
    ///
    /// # Errors
    /// When they have not within 30 seconds.
    pub fn await_value(&self, code: &str, value: &str) -> Result<(), NodeError> {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.eval(code)?;
            if answer == value {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(NodeError::Refused {
                    code: code.to_owned(),
                    answer,
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn boot(&self) -> Result<(), NodeError> {
        let mut processes = self.processes.lock();
        let log = log_file(&self.folder)?;
        let folder = self.folder.path();
        let mut command = command(self.install.server.as_os_str(), &log)?;
        command
            .args([
                "-eval",
                &control::server(self.control.port, &self.control.token),
            ])
            .args(["-kernel", "inet_dist_use_interface", "{127,0,0,1}"])
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("HOME", folder)
            .env("ERL_EPMD_PORT", self.family.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_DIST_PORT", self.dist_port.to_string())
            .env("RABBITMQ_MNESIA_BASE", folder.join("data"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
            .env("RABBITMQ_GENERATED_CONFIG_DIR", folder.join("generated"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null");
        let server = command
            .spawn()
            .map_err(NodeError::io("starting the broker through bash"))?;
        self.watchdog.guard("node", Some(server.id()))?;
        processes.server = Some(server);
        drop(processes);

        let end = Instant::now() + START_LIMIT;
        while !self.is_ready() {
            let gone = match self.processes.lock().server.as_mut() {
                Some(server) => !matches!(server.try_wait(), Ok(None)),
                None => true,
            };
            if gone || Instant::now() > end {
                let what = if gone {
                    "ended while starting"
                } else {
                    "did not start in time"
                };
                return Err(NodeError::Stuck {
                    what: what.into(),
                    log: self.log_tail(),
                });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let beam = self.eval("list_to_binary(os:getpid()).")?.parse().ok();
        self.processes.lock().beam = beam;
        if let Some(limit) = self.settings.consumer_timeout {
            self.eval(&format!(
                "application:set_env(rabbit, channel_tick_interval, 100), \
                 application:set_env(rabbit, consumer_timeout, {}).",
                limit.as_millis()
            ))?;
        }
        Ok(())
    }

    /// The node keeps them over restarts.
    fn enable_flags(&self) -> Result<(), NodeError> {
        let flags = std::env::var(FLAGS_VARIABLE).unwrap_or_default();
        for flag in flags.split_whitespace() {
            // `badmatch` with the node's reason when it does not know the flag.
            self.eval(&format!("ok = rabbit_feature_flags:enable('{flag}')."))?;
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
            && self
                .eval("rabbit:is_running() andalso not rabbit:is_booting().")
                .is_ok_and(|answer| answer == "true")
    }

    /// The end of what the node wrote.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let mut files = vec![self.folder.path().join("output")];
        if let Ok(entries) = std::fs::read_dir(self.folder.path().join("log")) {
            files.extend(entries.flatten().map(|entry| entry.path()));
        }
        let mut text = String::new();
        for file in files {
            let bytes = std::fs::read(&file).unwrap_or_default();
            let tail = &bytes[bytes.len().saturating_sub(LOG_TAIL)..];
            text.push_str(&String::from_utf8_lossy(tail));
        }
        text
    }

    fn write_config(&self) -> Result<(), NodeError> {
        let mut config = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\nlog.file.level = info\nlog.console = false\n\
             disk_free_limit.absolute = 1MB\nvm_memory_high_watermark.relative = 0.9\n\
             raft.wal_max_size_bytes = 67108864\n",
            self.port
        );
        for line in &self.settings.config {
            config.push_str(line);
            config.push('\n');
        }
        let folder = self.folder.path();
        std::fs::write(folder.join("rabbitmq.conf"), config)
            .and_then(|()| std::fs::write(folder.join("plugins"), "[].\n"))
            .and_then(|()| std::fs::create_dir_all(folder.join("log")))
            .and_then(|()| write_cookie(folder, &self.family.cookie))
            .map_err(NodeError::io("writing the broker's configuration"))
    }

    fn reap(&self, processes: &mut Processes) {
        if let Some(mut server) = processes.server.take() {
            signal_group(server.id(), Signal::KILL);
            let _ = server.wait();
        }
        if let Some(beam) = processes.beam.take() {
            // The virtual machine is the server script's child, not ours to wait for.
            let end = Instant::now() + STOP_LIMIT;
            // Its threads may still hold the socket for a moment after it is no longer alive.
            let serves = || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
            while (is_alive(beam) || serves()) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = self.watchdog.guard("node", None);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        {
            let mut processes = self.processes.lock();
            if let Some(epmd) = &mut processes.epmd {
                signal_group(epmd.id(), Signal::KILL);
                let _ = epmd.wait();
            }
        }
        let _ = self.watchdog.guard("epmd", None);
        self.watchdog.finish();
    }
}

/// Erlang insists that nobody else can read it.
fn write_cookie(folder: &Path, cookie: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o400);
    let mut file = options.open(folder.join(".erlang.cookie"))?;
    file.write_all(cookie.as_bytes())
}

fn log_file(folder: &TempDir) -> Result<File, NodeError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.path().join("output"))
        .map_err(NodeError::io("the broker's log"))
}
