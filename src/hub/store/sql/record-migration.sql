INSERT INTO migrations (number, name) SELECT {number:UInt32}, {name:String}
