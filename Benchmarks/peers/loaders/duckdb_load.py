"""Loads the partners' files into a new DuckDB database: duckdb_load.py DATABASE FOLDER SQL"""

import sys

import duckdb

OPTIONS = ("header = true, auto_detect = false, delim = ',', quote = '\"', "
           "escape = '\"', strict_mode = false, ignore_errors = true")

database, folder, script = sys.argv[1:]
with open(script) as file:
    sql = file.read().replace("OPTIONS", OPTIONS).replace("FOLDER", folder)
connection = duckdb.connect(database)
for statement in sql.split(";\n"):
    if statement.strip():
        connection.execute(statement)
connection.close()
