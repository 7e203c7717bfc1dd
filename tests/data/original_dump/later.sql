-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: db.example.org    Database: cerobot
-- ------------------------------------------------------
-- Server version	8.0.36

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;

--
-- Table structure for table `repo_sync_log`
--

DROP TABLE IF EXISTS `repo_sync_log`;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `repo_sync_log` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `branch_id` bigint unsigned DEFAULT NULL,
  `repo_name` varchar(255) NOT NULL,
  `commit_id` varchar(255) DEFAULT NULL,
  `log` longtext,
  `sync_direct` enum('to_outer','to_inter') NOT NULL,
  `created_at` timestamp NULL DEFAULT NULL,
  `update_at` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4;

LOCK TABLES `repo_sync_log` WRITE;
INSERT INTO `repo_sync_log` VALUES (1,NULL,'robot',NULL,'2024-06-01 10:00:00 | INFO | robot - it''s \'quoted\'; INSERT INTO `sync_repo_mapping` VALUES (9,\'evil\');\n-- no comment\n/* nor this','to_outer','2024-06-01 02:00:00','2024-06-01 02:00:03'),(2,11,'robot','1a2b3c4','done','to_inter','2024-06-02 02:00:00','2024-06-02 02:00:01');
UNLOCK TABLES;

--
-- Table structure for table `sync_branch_mapping`
--

DROP TABLE IF EXISTS `sync_branch_mapping`;
CREATE TABLE `sync_branch_mapping` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `enable` tinyint(1) NOT NULL,
  `repo_id` bigint unsigned NOT NULL,
  `internal_branch_name` varchar(255) NOT NULL,
  `external_branch_name` varchar(255) NOT NULL,
  `sync_direction` enum('to_outer','to_inter') DEFAULT NULL COMMENT 'first; (direction)',
  `created_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  KEY `idx_repo` (`repo_id`)
) ENGINE=InnoDB AUTO_INCREMENT=16 DEFAULT CHARSET=utf8mb4;

LOCK TABLES `sync_branch_mapping` WRITE;
/*!40000 ALTER TABLE `sync_branch_mapping` DISABLE KEYS */;
INSERT INTO `sync_branch_mapping` VALUES (11,1,1,'main','main',NULL,'2024-05-02 08:00:00'),(12,0,1,'release/1.x','stable',NULL,'2024-05-02 08:01:00'),(13,1,1,'release/1.x','stable',NULL,'2024-05-02 08:02:00'),(14,1,2,'main','main',NULL,'2024-05-03 08:00:00'),(15,1,77,'main','main',NULL,'2024-05-03 08:00:00');
/*!40000 ALTER TABLE `sync_branch_mapping` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `sync_repo_mapping`
--

DROP TABLE IF EXISTS `sync_repo_mapping`;
CREATE TABLE `sync_repo_mapping` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `repo_name` varchar(255) NOT NULL,
  `enable` tinyint(1) NOT NULL,
  `internal_repo_address` varchar(255) NOT NULL,
  `inter_token` varchar(100) DEFAULT NULL,
  `external_repo_address` varchar(255) NOT NULL,
  `exter_token` varchar(100) DEFAULT NULL,
  `sync_granularity` enum('all','one') NOT NULL,
  `sync_direction` enum('to_outer','to_inter') NOT NULL,
  `created_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (`id`),
  UNIQUE KEY `repo_name` (`repo_name`)
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4;

LOCK TABLES `sync_repo_mapping` WRITE;
INSERT INTO `sync_repo_mapping` VALUES (1,'robot',1,'https://gitlab.example.org/acme/robot.git','S3CRET-inner','https://github.com/acme/robot.git','S3CRET-outer','one','to_outer','2024-05-01 08:00:00'),(2,'whole',0,'git@gitlab.example.org:acme/whole.git','S3CRET-ssh','https://github.com/acme/whole.git',NULL,'all','to_inter','2024-05-03 08:00:00'),(3,'../up',1,'https://gitlab.example.org/acme/up.git',NULL,'https://github.com/acme/up.git',NULL,'one','to_outer','2024-05-04 08:00:00'),(4,'option',1,'git@gitlab.example.org:acme/x.git -c core.sshCommand=id',NULL,'https://github.com/acme/x.git',NULL,'one','to_outer','2024-05-05 08:00:00'),(5,'self',1,'https://github.com/acme/self.git',NULL,'git@github.com:acme/self.git',NULL,'one','to_outer','2024-05-06 08:00:00'),(6,'inline',1,'http://ada:S3CRET-inline@git.example.org/acme/inline.git','','https://github.com/acme/inline.git',NULL,'one','to_outer','2024-05-07 08:00:00');
UNLOCK TABLES;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

-- Dump completed on 2024-07-01 12:00:00
