//! System calls that a server never makes, refused by seccomp with `EPERM`: those that reach into other processes, into
//! the kernel or around the file system's rules. Holes in kernels are found behind them again and again.
//!
//! A list of what is refused, and not of what is allowed: the allowed ones change with every version of the C library,
//! and a host that stops on an update of it would have its filter switched off by the first person who meets that.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

use super::{Part, Work};

/// Into other processes.
const PROCESSES: &[c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
];

/// Into the kernel.
const KERNEL: &[c_long] = &[
    libc::SYS_bpf,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
];

/// Around the file system's rules, and into other namespaces.
const FILES: &[c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_mknodat,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// To be somebody else.
const USERS: &[c_long] = &[
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
];

/// What only some processors have.
#[cfg(target_arch = "x86_64")]
const OF_PROCESSOR: &[c_long] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_mknod,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
];
#[cfg(not(target_arch = "x86_64"))]
const OF_PROCESSOR: &[c_long] = &[];

/// What a child that compiles has no use for either: other programs and connections.
const COMPILING: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
];

/// Kinds of socket that no server needs and that kernels had holes behind.
const SOCKETS: &[libc::c_int] = &[libc::AF_ALG, libc::AF_PACKET, libc::AF_VSOCK];
/// Namespaces in which a process may do what it may not outside.
const NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWCGROUP,
];

/// On x86-64, the same calls once more by another number (the x32 ABI), which would pass a filter that knows only one.
#[cfg(target_arch = "x86_64")]
const OTHER_NUMBERS: &[c_long] = &[0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const OTHER_NUMBERS: &[c_long] = &[0];

/// Refuses them from now on.
pub(super) fn refuse(work: Work) -> Part {
    let Ok(processor) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Part::Absent("seccomp (there is no filter for this processor)".to_owned());
    };
    match install(work, processor) {
        Ok(count) => Part::InForce(format!("seccomp (refuses {count} system calls)")),
        Err(error) => Part::Absent(format!("seccomp ({error})")),
    }
}

fn install(work: Work, processor: TargetArch) -> Result<usize, seccompiler::Error> {
    let refused = refused(work)?;
    let count = refused.len() / OTHER_NUMBERS.len();
    apply(refused, libc::EPERM, processor)?;
    // It takes its flags by a pointer, where no filter sees them. Told that there is no such call, the C library takes
    // `clone` instead.
    let by_pointer = with_other_numbers([(libc::SYS_clone3, vec![])]);
    apply(by_pointer, libc::ENOSYS, processor)?;
    Ok(count)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn apply(
    rules: Rules,
    error: libc::c_int,
    processor: TargetArch,
) -> Result<(), seccompiler::Error> {
    let answer = SeccompAction::Errno(error.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, processor)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program)
}

/// What is refused: always, where there is no rule, else when one of the rules fits.
fn refused(work: Work) -> Result<Rules, seccompiler::BackendError> {
    let mut calls: Vec<(c_long, Vec<SeccompRule>)> =
        [PROCESSES, KERNEL, FILES, USERS, OF_PROCESSOR]
            .concat()
            .into_iter()
            .map(|call| (call, vec![]))
            .collect();
    let namespaces = NAMESPACES.iter().map(|flag| with_flag(*flag));
    calls.push((libc::SYS_clone, namespaces.collect::<Result<_, _>>()?));
    match work {
        Work::Serving => {
            let sockets = SOCKETS.iter().map(|kind| first_is(*kind));
            calls.push((libc::SYS_socket, sockets.collect::<Result<_, _>>()?));
        }
        Work::Compiling => calls.extend(COMPILING.iter().map(|call| (*call, vec![]))),
    }
    Ok(with_other_numbers(calls))
}

fn with_other_numbers(calls: impl IntoIterator<Item = (c_long, Vec<SeccompRule>)>) -> Rules {
    let each = calls.into_iter().flat_map(|(call, rules)| {
        let numbers = OTHER_NUMBERS.iter().map(move |other| call | other);
        numbers.map(move |number| (number, rules.clone()))
    });
    each.collect()
}

/// The first argument has this flag.
fn with_flag(flag: libc::c_int) -> Result<SeccompRule, seccompiler::BackendError> {
    let flag = u64::from(flag.unsigned_abs());
    rule(SeccompCmpOp::MaskedEq(flag), flag)
}

/// The first argument is this.
fn first_is(value: libc::c_int) -> Result<SeccompRule, seccompiler::BackendError> {
    rule(SeccompCmpOp::Eq, u64::from(value.unsigned_abs()))
}

fn rule(operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    let first = SeccompCondition::new(0, SeccompCmpArgLen::Dword, operator, value)?;
    SeccompRule::new(vec![first])
}
