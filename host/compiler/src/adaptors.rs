//! What is known of OpenFn's adaptors by their names alone, to tell an author which one was meant. Nothing here decides
//! what a job can call: that is what its own adaptor says.

/// What packages of adaptors are called, before their short name.
pub(crate) const PACKAGE: &str = "@openfn/language-";

/// Short names of adaptors, with the operations by which jobs know them.
#[rustfmt::skip]
const ADAPTORS: &[(&str, &[&str])] = &[
    ("asana", &["getTask", "getTasks", "createTask", "updateTask", "upsertTask"]),
    ("azure-storage", &["uploadBlob", "downloadBlob"]),
    ("beyonic", &[]),
    ("bigquery", &["load"]),
    ("cartodb", &["addRow"]),
    ("chatgpt", &["prompt", "deepResearch"]),
    ("cht", &[]),
    ("claude", &["prompt"]),
    ("collections", &["collections"]),
    ("commcare", &["submitXls", "submit", "fetchReportData", "bulk"]),
    ("common", &[]),
    ("dhis2", &["create", "update", "upsert", "get", "destroy", "attrVal", "attr", "findAttributeValue", "tracker"]),
    ("divoc", &[]),
    ("dynamics", &["createEntity", "updateEntity", "deleteEntity", "query"]),
    ("facebook", &["postMessage"]),
    ("fhir", &["create", "read", "search", "update", "createTransactionBundle", "uploadTransactionBundle"]),
    ("fhir-4", &["create", "read", "search", "update", "addToBundle", "uploadBundle", "builders"]),
    ("fhir-eswatini", &[]),
    ("fhir-fr", &[]),
    ("fhir-jembi", &[]),
    ("fhir-ndr-et", &[]),
    ("gmail", &["getContentsFromMessages", "sendMessage"]),
    ("godata", &["upsertCase", "upsertContact", "getCase", "listCases"]),
    ("googlehealthcare", &["createFhirResource"]),
    ("googlesheets", &["appendValues", "batchUpdateValues", "getValues"]),
    ("hive", &["query", "insert"]),
    ("http", &["get", "post", "put", "patch", "del", "request"]),
    ("intuit", &[]),
    ("khanacademy", &[]),
    ("kobotoolbox", &["getForms", "getSubmissions", "getDeploymentInfo"]),
    ("magpi", &["submitRecord", "fetchSurveyData"]),
    ("mailchimp", &["upsertMembers", "startBatch", "addMember", "updateMembers"]),
    ("mailgun", &["send"]),
    ("maximo", &[]),
    ("medicmobile", &["changesApi"]),
    ("mogli", &[]),
    ("mojatax", &[]),
    ("mongodb", &["insertDocuments", "findDocuments", "upsertDocument"]),
    ("monnify", &[]),
    ("motherduck", &["query", "insert"]),
    ("msgraph", &["getDrive", "getFile", "getFolder", "sheetToBuffer", "uploadFile"]),
    ("mssql", &["sql", "findValue", "insert", "insertMany", "upsert", "upsertIf", "upsertMany", "describeTable"]),
    ("mysql", &["insert", "upsert", "upsertMany", "query", "sqlString"]),
    ("nexmo", &["sendSMS"]),
    ("ocl", &["getMappings", "getConcepts"]),
    ("odk", &["getForms", "getSubmissions"]),
    ("odoo", &["create", "read", "searchRead", "update", "deleteRecord", "downloadReport"]),
    ("opencrvs", &["createBirthNotification", "queryEvents"]),
    ("openhim", &["encounter", "createChannel"]),
    ("openimis", &["getFHIR"]),
    ("openmrs", &["get", "create", "update", "upsert", "searchPatient", "getPatient", "getEncounter", "getEncounters", "createEncounter"]),
    ("openspp", &["getGroup", "getIndividual", "searchGroup", "searchIndividual"]),
    ("pdfshift", &["generatePDF"]),
    ("pesapal", &[]),
    ("postgresql", &["sql", "findValue", "insert", "insertMany", "upsert", "upsertIf", "upsertMany", "describeTable"]),
    ("primero", &["getCases", "createCase", "updateCase", "upsertCase", "getReferrals", "createReferrals"]),
    ("progres", &["getData", "postData"]),
    ("rapidpro", &["addContact", "upsertContact", "startFlow", "sendBroadcast"]),
    ("redis", &["hget", "hset", "jGet", "jSet", "scan"]),
    ("resourcemap", &["addSite"]),
    ("salesforce", &["bulk", "bulkQuery", "create", "createIf", "describe", "destroy", "query", "reference", "relationship", "retrieve", "steps", "update", "upsert", "upsertIf"]),
    ("satusehat", &[]),
    ("sftp", &["list", "getCSV", "putCSV", "getJSON", "getObject"]),
    ("smpp", &[]),
    ("stripe", &[]),
    ("surveycto", &["fetchSubmissions", "uploadCsvRecords", "cursor"]),
    ("telerivet", &["sendMessage"]),
    ("template", &[]),
    ("testing", &[]),
    ("twilio", &["sendSMS"]),
    ("varo", &[]),
    ("vtiger", &["postElement", "listTypes"]),
    ("wigal-sms", &["sendSms"]),
    ("zoho", &["addRow"]),
];

/// The short names of adaptors that have an operation, as a list for people.
pub(crate) fn with_operation(name: &str) -> Option<String> {
    let having = ADAPTORS
        .iter()
        .filter(|(_, operations)| operations.contains(&name))
        .map(|(adaptor, _)| format!("`{adaptor}`"));
    let having: Vec<String> = having.collect();
    (!having.is_empty()).then(|| having.join(", "))
}

pub(crate) fn is_package(package: &str) -> bool {
    packages().any(|known| known == package)
}

/// The full names of all packages.
pub(crate) fn packages() -> impl Iterator<Item = String> {
    ADAPTORS
        .iter()
        .map(|(adaptor, _)| format!("{PACKAGE}{adaptor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adaptors_are_listed_once_and_in_order() {
        assert!(ADAPTORS.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn an_operation_leads_to_every_adaptor_that_has_it() {
        assert_eq!(
            with_operation("sendSMS").as_deref(),
            Some("`nexmo`, `twilio`")
        );
        assert_eq!(with_operation("fly"), None);
    }
}
