//! What the jobs of a worker may run, each judged once: to check a signature takes as long as to
//! read a hundred entries of the log.

use std::collections::HashMap;

use gristmill_common::job::JobRun;
use gristmill_jobs::registry::{Code, JobTable, Submission};

use super::policy::{ExecPolicy, Permission};

/// What was found of each run of a job.
#[derive(Debug)]
pub(crate) struct Permits {
    policy: ExecPolicy,
    judged: HashMap<JobRun, Judged>,
    #[cfg(test)]
    judgements: u32,
}

#[derive(Debug)]
struct Judged {
    /// Submitted with another, it is judged anew. A run has one spec.
    code: Option<Code>,
    permission: Result<Permission, String>,
}

impl Permits {
    pub(crate) fn new(policy: &ExecPolicy) -> Self {
        Self {
            policy: policy.clone(),
            judged: HashMap::new(),
            #[cfg(test)]
            judgements: 0,
        }
    }

    /// What a job may run.
    ///
    /// # Errors
    /// When it may not run its program: why, in words.
    pub(crate) fn of(
        &mut self,
        run: &JobRun,
        submission: &Submission,
    ) -> Result<Permission, String> {
        if let Some(judged) = self.judged.get(run)
            && judged.code == submission.code
        {
            return judged.permission.clone();
        }
        #[cfg(test)]
        {
            self.judgements += 1;
        }
        let permission = self.policy.permit(run, submission);
        let judged = Judged {
            code: submission.code.clone(),
            permission: permission.clone(),
        };
        self.judged.insert(run.clone(), judged);
        permission
    }

    /// Forgets the runs that are not active any more.
    pub(crate) fn tidy(&mut self, table: &JobTable) {
        self.judged.retain(|run, _| table.active(run).is_some());
    }
}

#[cfg(test)]
mod tests {
    use gristmill_common::plan_summary::PlanSummary;
    use gristmill_common::spec::{Each, Exec, JobSpec, Kind, Out, Program, Reduce, Reducer};

    use gristmill_jobs::registry::{Entry, Event};

    use super::*;
    use crate::programs::allowed::AllowedPrograms;
    use crate::programs::policy::ExecGate;

    fn command(words: &str) -> Program {
        Program::Command(words.split(' ').map(str::to_owned).collect())
    }

    fn submission(change: impl Fn(&mut Exec)) -> Submission {
        let mut exec = Exec {
            each: Each::Chunk,
            program: command("cat"),
            out: Out::Lines,
            ok_exit: vec![0],
            env: Default::default(),
            timeout: 1,
            memory: 1 << 30,
            recycle: None,
            recycle_memory: None,
            piece: 1 << 20,
            whole: Vec::new(),
            reduce: None,
            files: Vec::new(),
            net: false,
            record_wise: false,
            cpu_time: None,
            address_space: None,
        };
        change(&mut exec);
        Submission::of(JobSpec::of(Kind::Exec(exec)), PlanSummary::default(), 7)
    }

    fn run(job: &str) -> JobRun {
        JobRun::new(&job.parse().unwrap(), 7)
    }

    fn permits() -> Permits {
        Permits::new(&ExecPolicy {
            gate: ExecGate::Off,
            allowed: AllowedPrograms::parse(["cat", "wc", "nowhere"].into_iter()).unwrap(),
            ..ExecPolicy::default()
        })
    }

    #[test]
    fn a_run_is_judged_once_until_it_comes_with_other_code_or_is_over() {
        let run_of_j = run("j");
        let mut permits = permits();
        let mut submission = submission(|_| {});
        for _ in 0..3 {
            permits.of(&run_of_j, &submission).unwrap();
        }
        assert_eq!(permits.judgements, 1);
        // The same run of another name is another job.
        permits.of(&run("k"), &submission).unwrap();
        assert_eq!(permits.judgements, 2);
        submission.code = Some(Code {
            bundle: None,
            keep_going: false,
            signature: None,
        });
        permits.of(&run_of_j, &submission).unwrap();
        assert_eq!(permits.judgements, 3);
        let mut table = JobTable::default();
        table.apply(Entry {
            job: run_of_j.job.clone(),
            run: 7,
            event: Event::Submitted(Box::new(submission.clone())),
            at: 1,
        });
        permits.tidy(&table);
        permits.of(&run_of_j, &submission).unwrap();
        assert_eq!(permits.judgements, 3);
        permits.tidy(&JobTable::default());
        permits.of(&run_of_j, &submission).unwrap();
        assert_eq!(permits.judgements, 4);
    }

    #[test]
    fn all_that_an_allowed_job_runs_is_allowed_and_it_gets_no_network() {
        let judged =
            |change: &dyn Fn(&mut Exec)| permits().of(&run("j"), &submission(change)).map(drop);
        let reduced = |program: &str, combine: Option<&str>| {
            Some(Reduce::Program(Reducer {
                program: command(program),
                combine: combine.map(command),
            }))
        };
        judged(&|exec| exec.reduce = Some(Reduce::Sum)).unwrap();
        judged(&|exec| exec.reduce = reduced("wc -l", Some("cat"))).unwrap();
        let refused = |change: &dyn Fn(&mut Exec), why: &str| {
            let said = judged(change).unwrap_err();
            assert!(said.ends_with(why), "{said}");
        };
        refused(&|exec| exec.net = true, "--exec-allow permits no --net");
        let reduce = |exec: &mut Exec| exec.reduce = reduced("uniq", None);
        refused(&reduce, "--exec-allow does not list uniq");
        let combine = |exec: &mut Exec| exec.reduce = reduced("wc", Some("uniq"));
        refused(&combine, "--exec-allow does not list uniq");
        let nowhere = |exec: &mut Exec| exec.program = command("nowhere");
        refused(
            &nowhere,
            "no program nowhere on the PATH when --exec-allow was read",
        );
    }
}
