//! The wall around files, by landlock: rules that the kernel keeps for this process and all it starts, and that none of
//! them can loosen again. In Linux since 5.13, switched on by most distributions.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
    path_beneath_rules,
};

use super::{Part, Reach, Work};

/// The newest that this program was tested with: files whole, with truncation and device controls; TCP; signals and
/// abstract sockets. Of an older kernel's it takes what there is.
const NEWEST: ABI = ABI::V6;

/// What a store and a cache do in their folders. No devices, sockets, links or programs.
const WRITE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir | Refer
});
const READ: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | ReadDir});
const EXECUTE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ReadFile | Execute});
/// Where children have their standard input from.
const NOWHERE: &str = "/dev/null";

/// Puts the wall up, and says how much of it stands.
pub(super) fn restrict(reach: &Reach, work: Work) -> Part {
    let status = match build(reach, work) {
        Ok(status) => status,
        Err(error) => return Part::Absent(format!("landlock ({error})")),
    };
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Part::Absent("landlock (the kernel has it switched off)".to_owned())
        }
        (RulesetStatus::NotEnforced, _) => {
            Part::Absent("landlock (the kernel has none; Linux 5.13 does)".to_owned())
        }
        (_, LandlockStatus::Available { effective_abi, .. }) => {
            Part::InForce(format!("landlock (version {})", effective_abi as i32))
        }
        (_, _) => Part::InForce("landlock".to_owned()),
    }
}

fn build(reach: &Reach, work: Work) -> Result<landlock::RestrictionStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?;
    if work == Work::Compiling {
        // No rule follows, so no connection.
        ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
    }
    let nowhere = match work {
        Work::Serving => vec![PathBuf::from(NOWHERE)],
        Work::Compiling => vec![],
    };
    ruleset
        .create()?
        .add_rules(path_beneath_rules(&reach.read, READ))?
        .add_rules(path_beneath_rules(&reach.write, WRITE))?
        .add_rules(path_beneath_rules(&reach.execute, EXECUTE))?
        .add_rules(path_beneath_rules(
            &nowhere,
            AccessFs::ReadFile | AccessFs::WriteFile,
        ))?
        .restrict_self()
}
