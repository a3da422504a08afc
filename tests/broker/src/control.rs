//! The way into a running node: Erlang expressions over a loopback socket.
//!
//! `rabbitmqctl` starts a virtual machine for each command (1-2 s on a small machine); a node that
//! evaluates expressions itself answers in a millisecond. It must not know which expressions make
//! sense.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::NodeError;

/// The server side, for `erl -eval`: takes `token LF expressions`, answers `ok:` or `error:` and
/// the value (a binary as it is, anything else printed).
pub(crate) fn server(port: u16, token: &str) -> String {
    format!(
        r#"spawn(fun() ->
            {{ok, Listener}} = gen_tcp:listen({port}, [binary, {{packet, 4}}, {{active, false}},
                {{ip, {{127,0,0,1}}}}, {{reuseaddr, true}}]),
            Evaluate = fun(Code) ->
                try
                    {{ok, Tokens, _}} = erl_scan:string(unicode:characters_to_list(Code)),
                    {{ok, Expressions}} = erl_parse:parse_exprs(Tokens),
                    {{value, Value, _}} = erl_eval:exprs(Expressions, []),
                    case Value of
                        _ when is_binary(Value) -> [<<"ok:">>, Value];
                        _ -> unicode:characters_to_binary(io_lib:format("ok:~0tp", [Value]))
                    end
                catch Class:Reason ->
                    unicode:characters_to_binary(io_lib:format("error:~0tp", [{{Class, Reason}}]))
                end
            end,
            Accept = fun Accept() ->
                {{ok, Socket}} = gen_tcp:accept(Listener),
                case gen_tcp:recv(Socket, 0, 5000) of
                    {{ok, Request}} ->
                        case binary:split(Request, <<"\n">>) of
                            [<<"{token}">>, Code] -> gen_tcp:send(Socket, Evaluate(Code));
                            _ -> ok
                        end;
                    _ -> ok
                end,
                gen_tcp:close(Socket),
                Accept()
            end,
            Accept()
        end)."#
    )
}

/// The client side.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) port: u16,
    pub(crate) token: String,
}

impl Control {
    /// Evaluates expressions (ending in a full stop) in the node.
    pub(crate) fn eval(&self, code: &str) -> Result<String, NodeError> {
        let answer = self
            .ask(code)
            .map_err(NodeError::io(format!("asking the broker `{code}`")))?;
        match answer.split_once(':') {
            Some(("ok", value)) => Ok(value.to_owned()),
            _ => Err(NodeError::Refused {
                code: code.to_owned(),
                answer,
            }),
        }
    }

    fn ask(&self, code: &str) -> std::io::Result<String> {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        let limit = Some(Duration::from_secs(30));
        socket.set_read_timeout(limit)?;
        socket.set_write_timeout(limit)?;
        let request = format!("{}\n{code}", self.token);
        socket.write_all(&(request.len() as u32).to_be_bytes())?;
        socket.write_all(request.as_bytes())?;
        let mut length = [0; 4];
        socket.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        socket.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
